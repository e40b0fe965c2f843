import { create } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  ResourceInfoSchema,
  RetryInfoSchema,
  type BadRequest,
  type ErrorInfo,
  type ResourceInfo,
  type RetryInfo,
} from "./gen/google/rpc/error_details_pb.js";
import type { Status } from "./gen/google/rpc/status_pb.js";

export { Code };

/** What is wrong with one field of a request. */
export interface Violation {
  /** Its path, for example `message.ttl` or `topics[1]`. */
  field: string;
  description: string;
}

/** What a call named, and was not found. */
export interface Resource {
  /** For example `subscription`. */
  type: string;
  name: string;
}

interface Details {
  info?: ErrorInfo | undefined;
  bad?: BadRequest | undefined;
  resource?: ResourceInfo | undefined;
  retry?: RetryInfo | undefined;
}

/** Error of a call. All calls of this package, and of its generated clients, end with one. */
export class FanfareError extends Error {
  override readonly name = "FanfareError";
  /** Stable: a value of `ErrorReason` without its prefix, for example `INVALID_FIELDS`. Empty: the error is gRPC's own. */
  readonly reason: string;
  /** Of the reason, for example the `oldest_time` of `RESUME_TOKEN_EXPIRED`. */
  readonly metadata: Record<string, string>;
  /** All fields that are wrong, with the path of each. */
  readonly violations: Violation[];
  readonly resource: Resource | undefined;
  /** Milliseconds that the server advises to wait before the call is repeated. */
  readonly retryAfterMs: number | undefined;

  private constructor(
    readonly code: Code,
    text: string,
    details: Details,
    options?: ErrorOptions,
  ) {
    const { info, bad, resource, retry } = details;
    const violations = bad?.fieldViolations.map(({ field, description }) => ({ field, description })) ?? [];
    const first = `${Code[code]}${info ? ` ${info.reason}` : ""}: ${text}`;
    super([first, ...violations.map(({ field, description }) => `  ${field}: ${description}`)].join("\n"), options);
    this.reason = info?.reason ?? "";
    this.metadata = info?.metadata ?? {};
    this.violations = violations;
    this.resource = resource && { type: resource.resourceType, name: resource.resourceName };
    const delay = retry && (retry.retryDelay ?? { seconds: 0n, nanos: 0 });
    this.retryAfterMs = delay && Number(delay.seconds) * 1000 + delay.nanos / 1e6;
  }

  /** Reads whatever a call threw. */
  static from(error: unknown): FanfareError {
    if (error instanceof FanfareError) return error;
    const of = ConnectError.from(error);
    const details = {
      info: of.findDetails(ErrorInfoSchema)[0],
      bad: of.findDetails(BadRequestSchema)[0],
      resource: of.findDetails(ResourceInfoSchema)[0],
      retry: of.findDetails(RetryInfoSchema)[0],
    };
    return new FanfareError(of.code, of.rawMessage, details, { cause: of });
  }

  /** Reads a status that came inside an answer, such as `rejected` of a SendStreamAnswer. */
  static fromStatus(status: Status): FanfareError {
    const find = <S extends Parameters<typeof anyUnpack>[1]>(schema: S) =>
      status.details.map((detail) => anyUnpack(detail, schema)).find((found) => found !== undefined);
    const details = {
      info: find(ErrorInfoSchema) as ErrorInfo | undefined,
      bad: find(BadRequestSchema) as BadRequest | undefined,
      resource: find(ResourceInfoSchema) as ResourceInfo | undefined,
      retry: find(RetryInfoSchema) as RetryInfo | undefined,
    };
    return new FanfareError(status.code as Code, status.message, details);
  }

  /** Of JSON that is none of a subscription. What its parser says would repeat the endpoint, which is a secret. */
  static notASubscription(): FanfareError {
    const description = "must be the JSON of a browser's PushSubscription";
    return new FanfareError(Code.InvalidArgument, `push_subscription ${description}`, {
      info: create(ErrorInfoSchema, { reason: "INVALID_FIELDS", domain: "fanfare.v1" }),
      bad: create(BadRequestSchema, { fieldViolations: [{ field: "push_subscription", description }] }),
    });
  }

  /**
   * Whether the same call may go on if it is made again: the server said so, or the connection broke. A stream that was
   * reset has no reason of ours.
   */
  get isLost(): boolean {
    // Connect says Canceled or Aborted of a stream whose connection was lost.
    const broken = [Code.Unknown, Code.Internal, Code.Canceled, Code.Aborted];
    return (
      this.code === Code.Unavailable ||
      this.retryAfterMs !== undefined ||
      (this.reason === "" && broken.includes(this.code))
    );
  }
}
