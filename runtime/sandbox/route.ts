import type { Request, Response } from "express";

/** An answer as it goes out. */
export interface Answer {
  status: number;
  body: unknown;
  headers?: Record<string, string>;
}

/** How a vendor words the failures that any of its methods can answer with. */
export interface VendorAnswers {
  rateLimited(): Answer;
  unauthenticated(): Answer;
  failed(status: number): Answer;
}

/** One method of a simulated vendor. */
export interface Route {
  /** The vendor's own name of the method, under which requests are counted and faults are set. */
  id: string;
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** `{name}` stands for one path segment, up to a colon. */
  path: string;
  answers: VendorAnswers;
  handle(request: Request, response: Response, parameters: Record<string, string>): void | Promise<void>;
}

export function send(response: Response, answer: Answer): void {
  response
    .status(answer.status)
    .set(answer.headers ?? {})
    .json(answer.body);
}
