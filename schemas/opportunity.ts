// Generated from opportunity.schema.json by schemas/generate.ts; do not edit.

/**
 * A time (RFC 3339).
 */
export type Time = string;

/**
 * A possible sale, in terms common to all connectors.
 */
export interface Opportunity {
  /**
   * The type of the resource.
   */
  type: "opportunity";
  /**
   * The vendor's id.
   */
  id: string;
  /**
   * What it is called.
   */
  name?: string;
  /**
   * Status; left out when the vendor has another one.
   */
  status?: "open" | "won" | "lost" | "abandoned";
  /**
   * Id of the pipeline it moves through.
   */
  pipelineId?: string;
  /**
   * Id of the stage it has reached.
   */
  stageId?: string;
  /**
   * What it may bring, in units of the currency.
   */
  value?: number;
  /**
   * ISO 4217 code of the value's currency.
   */
  currency?: string;
  /**
   * Id of the contact it is with.
   */
  contactId?: string;
  /**
   * Id of the vendor's user who looks after it.
   */
  ownerId?: string;
  /**
   * Ids of the vendor's users who follow it.
   */
  followerIds?: string[];
  /**
   * Where it came from.
   */
  source?: string;
  /**
   * Labels as text.
   */
  tags?: string[];
  /**
   * Fields only this account has.
   */
  customFields?: OpportunityCustomField[];
  /**
   * When the status last changed.
   */
  statusChangedAt?: Time;
  /**
   * When it last moved to another stage.
   */
  stageChangedAt?: Time;
  /**
   * When the vendor says it was created.
   */
  createdAt?: Time;
  /**
   * When the vendor says it last changed.
   */
  updatedAt?: Time;
}
/**
 * One field of the account's own.
 */
export interface OpportunityCustomField {
  /**
   * Id or key of the field.
   */
  key: string;
  /**
   * How people see the field.
   */
  label?: string;
  /**
   * Its value, of any type.
   */
  value: unknown;
}
