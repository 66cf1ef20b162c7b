/** What a series is at, in the text of a scrape; undefined where it is not there. */
export function valueOf(metrics: string, series: string): number | undefined {
  const line = metrics.split("\n").find((each) => each.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}
