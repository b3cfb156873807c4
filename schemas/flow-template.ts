// Generated from flow-template.schema.json by schemas/generate.ts; do not edit.

/**
 * A flow, or a two-way sync, written once, to be installed by many: connections are slots, and what differs is asked for in a form.
 */
export interface FlowTemplate {
  /**
   * Where an editor finds this schema.
   */
  $schema?: string;
  /**
   * Unique name in kebab-case.
   */
  id: string;
  /**
   * What people call it; the name of flows made of it, too.
   */
  name: string;
  /**
   * What it does, and when.
   */
  description: string;
  /**
   * Semantic version; flows made of an earlier one can be upgraded.
   */
  version: string;
  /**
   * JSON Schema of an object: the form. Answers are read as $setup.<property>. A property may have `dynamicValues`: {slot, target, property}, the values that property of an action or trigger can have for the connection in the slot.
   */
  setup?: {
    [k: string]: unknown;
  };
  /**
   * Slot → name of the connector whose connection goes there.
   */
  connections: {
    [k: string]: string;
  };
  /**
   * As in a flow; a connection is the name of a slot.
   *
   * @minItems 1
   */
  triggers?: {
    [k: string]: unknown;
  }[];
  /**
   * As in a flow.
   */
  when?: string;
  /**
   * As in a flow; a connection is the name of a slot.
   *
   * @minItems 1
   */
  steps?: {
    [k: string]: unknown;
  }[];
  /**
   * As in a flow.
   */
  timeLimit?: string;
  /**
   * Instead of triggers and steps: what is kept alike on both sides. An answer of the form named direction, conflicts or deletes replaces the value here.
   */
  sync?: {
    /**
     * Type of the resource.
     */
    resource: string;
    /**
     * Name of a slot.
     */
    left: string;
    /**
     * Name of another slot.
     */
    right: string;
    /**
     * Which side follows which.
     */
    direction?: "both" | "left-to-right" | "right-to-left";
    /**
     * Which of two changes counts.
     */
    conflicts?: "newest" | "left" | "right";
    /**
     * Whether what is deleted on one side is deleted on the other.
     */
    deletes?: "propagate" | "ignore";
  };
}
