import { InvalidArgumentError, type Command } from "commander";
import type { SubscriptionAudit } from "../../poll/audit/view.ts";
import type { FailedAudit } from "../audit.ts";
import { printable } from "../text.ts";
import { parseSeconds } from "../options.ts";

const HELP = `
Reads everything of each stream of the connection from the vendor, within the vendor's limits, and compares it with what Hookline
knows: nothing missing, extra or stale proves that every change is reported, or will be by the next poll ("pending"). Nothing is
changed: no cursor moves, and no event is made. A minus stands for what could not be looked at. The exit code is 1 when anything is
missing, extra or stale, or when an audit failed. What may be a change of the last minutes makes an audit wait for ten.

It opens the store of the service, so it needs the configuration and the environment that hookline start has, with
HOOKLINE_ENCRYPTION_KEY, HOOKLINE_API_KEY and DATABASE_URL. A service on a SQLite file is its only user: stop it first, or ask it by POST /v1/subscriptions/{id}/audit.

Examples:
  hookline audit --connection con_019a1f2e4c7b7d1a8b1c2d3e4f506172
  hookline audit --connection con_019a1f2e4c7b7d1a8b1c2d3e4f506172 --config hookline.config.json --json`;

/** Seconds that the audit of one stream may take, and does when nothing is said: a day. */
const TIMEOUT = 86_400;

interface Options {
  connection: string;
  config?: string;
  timeout: number;
  json?: true;
}

export function addAudit(program: Command): void {
  program
    .command("audit")
    .description("Compare what Hookline knows of a connection with what the vendor has.")
    .requiredOption("--connection <id>", "the connection whose streams are audited")
    .option("--config <file>", "configuration file (default: hookline.config.json, if there is one)")
    .option("--timeout <seconds>", "what the audit of one stream may take", parseTimeout, TIMEOUT)
    .option("--json", "print {connection, audits} for programs")
    .addHelpText("after", HELP)
    .action(runAudit);
}

function parseTimeout(text: string): number {
  const seconds = Math.ceil(parseSeconds(text));
  if (seconds <= TIMEOUT) return seconds;
  throw new InvalidArgumentError(`Give at most ${TIMEOUT} seconds.`);
}

async function runAudit({ connection, config, timeout, json }: Options): Promise<void> {
  const [{ auditConnection }, { progressBar }] = await Promise.all([import("../audit.ts"), import("../progress.ts")]);
  const onProgress = progressBar("records read");
  const audits = await auditConnection({ connection, config, timeoutSeconds: timeout, onProgress, onWait: waitLine() });
  console.log(json ? JSON.stringify({ connection, audits }, null, 2) : formatAudits(audits));
  if (audits.some((audit) => "error" in audit || audit.verdict === "different")) process.exitCode = 1;
}

/** Says on standard error what nothing happens for; undefined where no terminal shows it. The next bar takes its place. */
function waitLine(): ((milliseconds: number) => void) | undefined {
  const { stderr } = process;
  if (!stderr.isTTY) return undefined;
  return (milliseconds) => void stderr.write(`\r\u001B[Kwaiting for ${Math.ceil(milliseconds / 1000)} s`);
}

const COUNTS = [
  "missing",
  "extra",
  "stale",
  "pending",
  "unverified",
  "unsettled",
  "held",
  "quarantined",
  "unread",
] as const;

const notRead = ({ subscriptions }: FailedAudit): string =>
  `${subscriptions.join(", ")} ${subscriptions.length === 1 ? "was" : "were"}`;

/** A row for each stream, then what is behind the numbers. */
function formatAudits(audits: readonly (SubscriptionAudit | FailedAudit)[]): string {
  const done = audits.filter((audit) => "verdict" in audit);
  const width = Math.max("stream".length, ...done.map(({ stream }) => stream.length));
  const row = (stream: string, verdict: string, ...cells: (string | number)[]): string =>
    `${stream.padEnd(width)}  ${verdict.padEnd(10)}${cells.map((cell) => String(cell).padStart(12)).join("")}`;
  const rows = done.map((audit) =>
    row(
      audit.stream,
      audit.verdict,
      audit.read,
      audit.known ?? "-",
      ...COUNTS.map((name) => audit[name]?.count ?? "-"),
    ),
  );
  const failures = audits.flatMap((audit) =>
    "error" in audit
      ? [`- ${notRead(audit)} not audited: ${printable(audit.error.message)} [${audit.error.code}]`]
      : [],
  );
  return [
    ...(done.length > 0 ? [row("stream", "verdict", "read", "known", ...COUNTS), ...rows] : []),
    ...done.flatMap(details),
    ...failures,
  ].join("\n");
}

function details(audit: SubscriptionAudit): string[] {
  const { stream, subscription, beganAt, endedAt, lagSeconds, verifiesAt, notAudited } = audit;
  const found = COUNTS.flatMap((name) => {
    const { count = 0, keys = [] } = audit[name] ?? {};
    if (count === 0) return [];
    const more = count > keys.length ? ` and ${count - keys.length} more` : "";
    const until = name === "unverified" && verifiesAt !== null ? ` (reported after ${verifiesAt})` : "";
    return [`  ${name}${until}: ${keys.map(printable).join(", ")}${more}`];
  });
  return [
    "",
    `${stream} of ${subscription}, read from ${beganAt} to ${endedAt}, ${lagSeconds} s behind its schedule`,
    ...found,
    ...notAudited.map((what) => `  not audited: ${what}`),
  ];
}
