import { createTransport } from "nodemailer";
import type { Config } from "../config.ts";

const CONNECT_TIMEOUT_MS = 10_000;
const SILENCE_TIMEOUT_MS = 30_000;

/** Why a mail could not be sent, in words that staff may read: codes only, since a server's answer can hold anything. */
export class MailError extends Error {
  override readonly name = "MailError";
}

export interface OutgoingMail {
  messageId: string;
  to: string;
  subject: string;
  text: string;
  html: string;
}

/** Hands one mail to the server; when it returns, the server has accepted it. @throws MailError */
export async function sendMail(
  { smtpUrl, mailFrom }: { smtpUrl: string } & Pick<Config, "mailFrom">,
  mail: OutgoingMail,
  signal: AbortSignal,
): Promise<void> {
  const transport = openTransport(smtpUrl);
  try {
    await transport.sendMail({
      ...mail,
      from: mailFrom,
      to: { name: "", address: mail.to }, // a string would be parsed, and could name several
      headers: { "Auto-Submitted": "auto-generated" },
      signal,
    });
  } catch (error) {
    const { code, responseCode } = error as { code?: unknown; responseCode?: unknown };
    const codes = [code, responseCode].filter((each) => /^[A-Z0-9_]{1,20}$/.test(String(each ?? "")));
    throw new MailError(`The mail was not accepted: ${codes.join(" ") || "unknown error"}.`);
  } finally {
    transport.close();
  }
}

/** Does the mail server answer, and take our name and password? No mail is sent. */
export async function checkMailer(smtpUrl: string): Promise<{ status: "up" | "down"; latency_ms?: number }> {
  const start = performance.now();
  const transport = openTransport(smtpUrl);
  try {
    await transport.verify();
    return { status: "up", latency_ms: Math.round((performance.now() - start) * 10) / 10 };
  } catch {
    return { status: "down" };
  } finally {
    transport.close();
  }
}

function openTransport(smtpUrl: string) {
  return createTransport({
    url: smtpUrl,
    connectionTimeout: CONNECT_TIMEOUT_MS,
    greetingTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: SILENCE_TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
}
