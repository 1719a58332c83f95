import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./schema.js";

export type Problem = components["schemas"]["Problem"];
export type Stoa = Client<paths>;

/** A refusal of the shop, as of RFC 9457. */
export class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(`${problem.status} ${problem.code}: ${problem.detail}`);
  }
}

/** A client whose every path, parameter, body and answer has the type that the shop describes. */
export function stoa(baseUrl: string, key: string): Stoa {
  return createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${key}` } });
}

/** The body of a success; throws `Refused` otherwise. */
export async function good<T>(answer: Promise<{ data?: T; error?: unknown }>): Promise<T> {
  const { data, error } = await answer;
  if (data === undefined) throw new Refused(error as Problem);
  return data;
}
