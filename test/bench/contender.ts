/** What a contender does, each step on request. */
export interface Contender {
  /** Learns the address book while it is empty. */
  prepare(): Promise<void>;
  /** Fetches the new contacts and posts each; resolves when nothing is left to do, or to write down. */
  run(): Promise<void>;
  /** One poll that finds nothing. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

export interface Places {
  vendor: string;
  receiver: string;
  /** A folder for whatever has to survive. */
  folder: string;
  count: number;
}

/** What one run cost. */
export interface Measure {
  wallMs: number;
  cpuMs: number;
  peakBytes: number;
  /** CPU milliseconds of one poll that finds nothing. */
  idleCpuMs: number;
}

const IDLE_POLLS = 200;

/** Runs a contender in this process, measures it, and reports to the parent. */
export function contend(open: (places: Places) => Promise<Contender>): void {
  process.once("message", (places: Places) => void measure(places));

  async function measure(places: Places): Promise<void> {
    const contender = await open(places);
    await contender.prepare();
    const [started, used] = [performance.now(), process.cpuUsage()];
    await contender.run();
    const [wallMs, cpuMs] = [performance.now() - started, cpuSince(used)];
    const peakBytes = process.resourceUsage().maxRSS * 1024;
    for (let i = 0; i < 20; i++) await contender.idle();
    const before = process.cpuUsage();
    for (let i = 0; i < IDLE_POLLS; i++) await contender.idle();
    const idleCpuMs = cpuSince(before) / IDLE_POLLS;
    await contender.close();
    process.send!({ wallMs, cpuMs, peakBytes, idleCpuMs } satisfies Measure);
    process.disconnect();
  }
}

function cpuSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
