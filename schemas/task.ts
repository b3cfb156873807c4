// Generated from task.schema.json by schemas/generate.ts; do not edit.

/**
 * A time (RFC 3339).
 */
export type Time = string;
/**
 * A time (RFC 3339), or a date where only the day counts.
 */
export type Day = string;

/**
 * Something to be done, in terms common to all connectors.
 */
export interface Task {
  /**
   * The type of the resource.
   */
  type: "task";
  /**
   * The vendor's id.
   */
  id: string;
  /**
   * What is to be done, in a line.
   */
  title?: string;
  /**
   * More about it, as text.
   */
  notes?: string;
  /**
   * Whether it is done.
   */
  completed?: boolean;
  /**
   * When it was done.
   */
  completedAt?: Time;
  /**
   * By when; a date where only the day counts.
   */
  due?: Day;
  /**
   * Id of the list it is on.
   */
  listId?: string;
  /**
   * Id of the task it is a part of.
   */
  parentId?: string;
  /**
   * Sorts among its siblings, compared as text.
   */
  position?: string;
  /**
   * Id of the contact it is about.
   */
  contactId?: string;
  /**
   * Ids of the vendor's users who are to do it.
   */
  assigneeIds?: string[];
  /**
   * Its page at the vendor.
   */
  url?: string;
  /**
   * When the vendor says it was created.
   */
  createdAt?: Time;
  /**
   * When the vendor says it last changed.
   */
  updatedAt?: Time;
}
