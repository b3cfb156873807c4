import { Counter, Histogram, Registry } from "prom-client";

export interface PollMeasure {
  connector: string;
  stream: string;
  outcome: "ok" | "failed";
  /** Milliseconds. */
  durationMs: number;
  /** How many events it made. */
  events: number;
}

export interface AttemptMeasure {
  /** `delivered`, or the class of the failure. */
  outcome: string;
  /** Milliseconds. */
  durationMs: number;
}

/** What is counted and timed, in the names and units Prometheus expects. Nothing here names a user, a connection or a record. */
export interface Metrics {
  readonly registry: Registry;
  polled(poll: PollMeasure): void;
  attempted(attempt: AttemptMeasure): void;
}

const SECONDS = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60];

/** Makes the metrics of one runtime. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const polls = new Counter({
    name: "hookline_polls_total",
    help: "Reads of a stream that ended, by connector, stream and outcome.",
    labelNames: ["connector", "stream", "outcome"],
    registers,
  });
  const pollSeconds = new Histogram({
    name: "hookline_poll_duration_seconds",
    help: "How long a read of a stream took.",
    labelNames: ["connector"],
    buckets: SECONDS,
    registers,
  });
  const events = new Counter({
    name: "hookline_events_total",
    help: "Events that polls made, by connector.",
    labelNames: ["connector"],
    registers,
  });
  const attempts = new Counter({
    name: "hookline_delivery_attempts_total",
    help: "Attempts to deliver an event, by what became of them.",
    labelNames: ["outcome"],
    registers,
  });
  const attemptSeconds = new Histogram({
    name: "hookline_delivery_attempt_duration_seconds",
    help: "How long an attempt to deliver took.",
    buckets: SECONDS,
    registers,
  });
  return {
    registry,
    polled: ({ connector, stream, outcome, durationMs, events: made }) => {
      polls.inc({ connector, stream, outcome });
      pollSeconds.observe({ connector }, durationMs / 1000);
      if (made > 0) events.inc({ connector }, made);
    },
    attempted: ({ outcome, durationMs }) => {
      attempts.inc({ outcome });
      attemptSeconds.observe(durationMs / 1000);
    },
  };
}
