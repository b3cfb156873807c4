/** npm passes Ctrl-C on to a program that the terminal has sent it to already: two signals, one key press. */
const ONE_KEY_PRESS = 500;
const ORPHAN_CHECK = 250;

/**
 * Resolves at the first SIGINT or SIGTERM. A further one, half a second later or more, ends the process at once.
 * Under npm it resolves, too, when npm was told to end: that signal reaches the shell in between and no further.
 */
export function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    let first: number | undefined;
    const onSignal = () => {
      const now = performance.now();
      if (first === undefined) {
        first = now;
        resolve();
      } else if (now - first >= ONE_KEY_PRESS) process.exit(130);
    };
    process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
    if (process.env.npm_lifecycle_event !== undefined) onOrphaned(resolve);
  });
}

function onOrphaned(act: () => void): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    act();
  }, ORPHAN_CHECK).unref();
}
