import type { ConnectorRequest, ValueExpression } from "../../schemas/manifest.ts";
import { HooklineError, type Fault } from "../core/errors.ts";
import { joinPointer } from "../core/json.ts";
import { compileExpression, type Getter, type Scope } from "./expressions.ts";
import { compileCondition, compileJmespath } from "./jmespath.ts";
import { expressionFaults } from "./soundness.ts";
import { compilePath, compileTemplate, type TemplateOptions } from "./templates.ts";

type Roots = readonly string[];

/** What is found in a manifest while it is compiled. */
export interface Findings {
  readonly faults: Fault[];
  readonly requests: { readonly request: ConnectorRequest; readonly pointer: string }[];
}

/**
 * A place in a manifest, where its parts are compiled. With `findings`, faults are collected with their pointers, and a part
 * with a fault compiles to a function that gives nothing; without, the first fault is thrown.
 */
export class Site {
  readonly #pointer: string;
  readonly #findings: Findings | undefined;

  constructor(findings?: Findings, pointer = "") {
    this.#findings = findings;
    this.#pointer = pointer;
  }

  /** A place below this one. */
  at(...path: readonly (string | number)[]): Site {
    return new Site(
      this.#findings,
      path.reduce<string>((pointer, token) => joinPointer(pointer, token), this.#pointer),
    );
  }

  /** @throws HooklineError `invalid_expression` */
  expression(text: string, roots: Roots): Getter {
    return this.#attempt<Getter>(() => compileExpression(text, roots), nothing);
  }

  /** One expression, or a list of them. @throws HooklineError `invalid_expression` */
  expressions(text: string | readonly string[], roots: Roots): Getter[] {
    return typeof text === "string"
      ? [this.expression(text, roots)]
      : text.map((one, i) => this.at(i).expression(one, roots));
  }

  /** @throws HooklineError `invalid_expression` */
  jmespath(expression: string, roots?: Roots): (value: unknown) => unknown {
    const compiled = this.#attempt<(value: unknown) => unknown>(() => compileJmespath(expression, roots), nothing);
    this.#inspect(expression, compiled !== nothing);
    return compiled;
  }

  /** @throws HooklineError `invalid_expression` */
  condition(expression: string, roots?: Roots): (value: unknown) => boolean {
    const compiled = this.#attempt<(value: unknown) => boolean>(() => compileCondition(expression, roots), never);
    this.#inspect(expression, compiled !== never);
    return compiled;
  }

  /** @throws HooklineError `invalid_expression` */
  path(template: string, roots: Roots): (scope: Scope) => string {
    return this.#attempt<(scope: Scope) => string>(
      () => compilePath(template, roots),
      () => "",
    );
  }

  /** All faults of it are found, leaf by leaf. @throws HooklineError `invalid_expression` */
  template(template: unknown, options: TemplateOptions): Getter {
    if (this.#findings === undefined) return compileTemplate(template, options);
    const onFault = ({ pointer, message }: Fault) => this.#fault(this.#pointer + pointer, message);
    return compileTemplate(template, { ...options, onFault });
  }

  /**
   * A runtime expression or `{"$expr"}`; the latter starts at the record or the answer's body.
   * @throws HooklineError `invalid_expression`
   */
  value(value: ValueExpression, roots: Roots, at: "record" | "body"): Getter {
    return typeof value === "string" ? this.expression(value, roots) : this.template(value, { roots, at });
  }

  /** Counts what stands here among the manifest's requests. */
  isRequest(request: ConnectorRequest): void {
    this.#findings?.requests.push({ request, pointer: this.#pointer });
  }

  #attempt<Compiled>(compile: () => Compiled, otherwise: Compiled): Compiled {
    try {
      return compile();
    } catch (error) {
      if (this.#findings === undefined || !(error instanceof HooklineError)) throw error;
      this.#fault(this.#pointer, error.message);
      return otherwise;
    }
  }

  /** What can be told of an expression without a type is told while faults are collected; to run, it need only parse. */
  #inspect(expression: string, isParsed: boolean): void {
    if (!isParsed || this.#findings === undefined) return;
    for (const message of expressionFaults(expression)) this.#fault(this.#pointer, message);
  }

  #fault(pointer: string, message: string): void {
    this.#findings?.faults.push({ pointer, message });
  }
}

const nothing = () => undefined;
const never = () => false;
