import { Buffer } from "node:buffer";
import net from "node:net";
import tls from "node:tls";
import type { ISocketFactory } from "kafkajs";

const KEEP_ALIVE_MS = 60_000;
/** Each answer begins with how many bytes follow. */
const LENGTH_BYTES = 4;

/**
 * Sockets as the client opens them by itself, with two differences. They hand on whole answers only: the client keeps the
 * beginning of an answer whose connection was lost and takes what the next connection says for its end
 * (tulios/kafkajs#715), and what it then reads as lengths and ids ended the process. And they are closed when the client
 * ends them, which it does once all that it asked is answered or given up, rather than wait for the other side to read the
 * rest and to end as well: one that says nothing (a broker that hangs, another kind of server) would keep a socket of each
 * try for ever.
 */
export const openKafkaSocket: ISocketFactory = ({ host, port, ssl, onConnect }) => {
  const socket = ssl
    ? tls.connect({ host, port, ...net.isIP(host) === 0 && { servername: host }, ...ssl }, onConnect)
    : net.connect({ host, port }, onConnect);
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  socket.end = () => socket.destroy();
  const on = socket.on.bind(socket) as (event: string, listener: (data: Buffer) => void) => net.Socket;
  socket.on = (event: string, listener: (data: Buffer) => void) =>
    on(event, event === "data" ? wholeAnswers(listener) : listener);
  return socket;
};

function wholeAnswers(take: (answers: Buffer) => void): (chunk: Buffer) => void {
  let chunks: Buffer[] = [];
  let size = 0;
  let awaited = LENGTH_BYTES;
  return (chunk) => {
    chunks.push(chunk);
    size += chunk.length;
    if (size < awaited) return;
    const bytes = Buffer.concat(chunks);
    let end = 0;
    for (awaited = 0; size - end >= awaited; awaited = lengthAt(bytes, end)) end += awaited;
    chunks = [bytes.subarray(end)];
    size -= end;
    if (end > 0) take(bytes.subarray(0, end));
  };
}

/** How long the answer is that begins there, as far as that can be told yet. */
function lengthAt(bytes: Buffer, start: number): number {
  return bytes.length - start < LENGTH_BYTES ? LENGTH_BYTES : LENGTH_BYTES + bytes.readUInt32BE(start);
}
