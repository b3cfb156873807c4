const WIDTH = 30;

/** A bar on standard error for work that takes a while; undefined where no terminal shows it. */
export function progressBar(what: string): ((done: number, total: number) => void) | undefined {
  const { stderr } = process;
  if (!stderr.isTTY) return undefined;
  let shown: string | undefined;
  return (done, total) => {
    const full = total === 0 ? WIDTH : Math.round((done / total) * WIDTH);
    const bar = `${"█".repeat(full)}${"░".repeat(WIDTH - full)} ${done}/${total} ${what}`;
    if (bar === shown) return;
    stderr.write(done === total ? "\r\u001B[K" : `\r\u001B[K${bar}`);
    shown = bar;
  };
}
