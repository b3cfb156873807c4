export const SIDES = ["left", "right"] as const;
export type Side = (typeof SIDES)[number];

export const DIRECTIONS = ["both", "left-to-right", "right-to-left"] as const;
export type Direction = (typeof DIRECTIONS)[number];

export const WINNERS = ["newest", "left", "right"] as const;

/** Common fields of a record, by name. */
export type Fields = Record<string, unknown>;

/** The opposite side. */
export const otherSide = (side: Side): Side => (side === "left" ? "right" : "left");

/** A value for each side. */
export function bySide<T>(make: (side: Side) => T): Record<Side, T> {
  return { left: make("left"), right: make("right") };
}

/** The same for values that take time; both are made at once. */
export async function awaitSides<T>(make: (side: Side) => Promise<T>): Promise<Record<Side, T>> {
  const [left, right] = await Promise.all([make("left"), make("right")]);
  return { left, right };
}

/** Whether changes may be written to a side. */
export function writesTo({ direction }: { direction: Direction }, side: Side): boolean {
  return direction === "both" || direction === (side === "right" ? "left-to-right" : "right-to-left");
}

/**
 * Who wins when both sides changed the same: the source of a one-way sync, else the side that the sync names. The newest is
 * the one that its vendor says changed last; the left when neither vendor says so, or both changed at the same time.
 */
export function winnerOf(
  { direction, conflicts }: { direction: Direction; conflicts: (typeof WINNERS)[number] },
  { left, right }: Record<Side, { changedAt: number | undefined }>,
): Side {
  if (direction !== "both") return direction === "left-to-right" ? "left" : "right";
  if (conflicts !== "newest") return conflicts;
  return (right.changedAt ?? 0) > (left.changedAt ?? 0) ? "right" : "left";
}
