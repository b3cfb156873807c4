import type { Sql } from "../store/database.ts";
import { countDeliveries, listDeliveries, type DeliveryStatus } from "../model/deliveries.ts";

/** How many of the latest deliveries the durations are taken from. */
const SAMPLE = 1000;

export interface DeliveryStats {
  deliveries: Record<DeliveryStatus, number>;
  /** The part of the finished deliveries that arrived, 0 to 1; null before any is finished. */
  successRate: number | null;
  /** Milliseconds an attempt took, over the latest 1000 deliveries; null before any was made. */
  durationMs: { p50: number | null; p95: number | null };
}

export async function deliveryStats(sql: Sql, endpoint: string): Promise<DeliveryStats> {
  const counts = await countDeliveries(sql, endpoint);
  const count = (status: DeliveryStatus) => counts.get(status) ?? 0;
  const [delivered, dead] = [count("delivered"), count("dead")];
  const latest = await listDeliveries(sql, { endpoint }, undefined, SAMPLE);
  const durations = latest
    .flatMap(({ attempts }) => attempts.flatMap(({ durationMs }) => durationMs ?? []))
    .sort((a, b) => a - b);
  const percentile = (part: number) => durations[Math.ceil(part * durations.length) - 1] ?? null;
  return {
    deliveries: { pending: count("pending"), delivered, dead, cancelled: count("cancelled") },
    successRate: delivered + dead === 0 ? null : delivered / (delivered + dead),
    durationMs: { p50: percentile(0.5), p95: percentile(0.95) },
  };
}
