package io.github.fanfarepush;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.ResourceInfo;
import com.google.rpc.RetryInfo;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Error of a call. All calls of this package end with one; {@link #of(Throwable)} reads those of the generated stubs. */
public final class FanfareException extends StatusRuntimeException {
  private static final long serialVersionUID = 1;

  /** What is wrong with one field of a request: its path, for example "message.ttl", and why. */
  public record Violation(String field, String description) {}

  /** What a call named, and was not found: its type, for example "subscription", and its name. */
  public record Resource(String type, String name) {}

  private final transient com.google.rpc.Status details;
  private final transient ErrorInfo info;
  private final transient List<Violation> violations = new ArrayList<>();
  private transient Resource resource;
  private transient Duration retryAfter;

  private FanfareException(Status status, Metadata trailers, com.google.rpc.Status details) {
    super(status, trailers);
    this.details = details;
    ErrorInfo found = ErrorInfo.getDefaultInstance();
    for (Any detail : details.getDetailsList()) {
      try {
        if (detail.is(ErrorInfo.class)) {
          found = detail.unpack(ErrorInfo.class);
        } else if (detail.is(BadRequest.class)) {
          for (var violation : detail.unpack(BadRequest.class).getFieldViolationsList()) {
            violations.add(new Violation(violation.getField(), violation.getDescription()));
          }
        } else if (detail.is(ResourceInfo.class)) {
          ResourceInfo one = detail.unpack(ResourceInfo.class);
          resource = new Resource(one.getResourceType(), one.getResourceName());
        } else if (detail.is(RetryInfo.class)) {
          var delay = detail.unpack(RetryInfo.class).getRetryDelay();
          retryAfter = Duration.ofSeconds(delay.getSeconds(), delay.getNanos());
        }
      } catch (InvalidProtocolBufferException unreadable) {
        // Whatever is wrong with a detail, the error is there.
      }
    }
    info = found;
  }

  /** Reads what a call threw. */
  public static FanfareException of(Throwable error) {
    if (error instanceof FanfareException already) {
      return already;
    }
    var details = StatusProto.fromThrowable(error);
    return new FanfareException(
        Status.fromThrowable(error),
        Status.trailersFromThrowable(error),
        details == null ? com.google.rpc.Status.getDefaultInstance() : details);
  }

  /** Reads a status that came inside an answer, such as {@code SendStreamAnswer.rejected}. */
  public static FanfareException of(com.google.rpc.Status status) {
    return new FanfareException(
        Status.fromCodeValue(status.getCode()).withDescription(status.getMessage()), null, status);
  }

  /** Of JSON that is none of a subscription. What its parser says would repeat the endpoint, which is a secret. */
  static FanfareException notASubscription() {
    String field = "push_subscription";
    String words = "must be the JSON of a browser's PushSubscription";
    var violation = BadRequest.FieldViolation.newBuilder().setField(field).setDescription(words);
    return of(
        com.google.rpc.Status.newBuilder()
            .setCode(Status.Code.INVALID_ARGUMENT.value())
            .setMessage(field + " " + words)
            .addDetails(Any.pack(ErrorInfo.newBuilder().setReason("INVALID_FIELDS").setDomain("fanfare.v1").build()))
            .addDetails(Any.pack(BadRequest.newBuilder().addFieldViolations(violation).build()))
            .build());
  }

  /** gRPC's. */
  public Status.Code code() {
    return getStatus().getCode();
  }

  /**
   * Stable: a value of {@code ErrorReason} without its prefix, for example "INVALID_FIELDS". Empty: the error is gRPC's
   * own, such as an expired deadline.
   */
  public String reason() {
    return info.getReason();
  }

  /** Of the reason, for example the oldest_time of RESUME_TOKEN_EXPIRED. */
  public Map<String, String> metadata() {
    return info.getMetadataMap();
  }

  /** All fields that are wrong, with the path of each. */
  public List<Violation> violations() {
    return List.copyOf(violations);
  }

  /** What was not found; null for other errors. */
  public Resource resource() {
    return resource;
  }

  /** What the server advises to wait before the call is repeated; null: it advises nothing. */
  public Duration retryAfter() {
    return retryAfter;
  }

  /** All details as they came. */
  public List<Any> details() {
    return details.getDetailsList();
  }

  @Override
  public String getMessage() {
    StringBuilder text = new StringBuilder(super.getMessage());
    if (violations != null) {
      violations.forEach(one -> text.append("\n  ").append(one.field()).append(": ").append(one.description()));
    }
    return text.toString();
  }

  /**
   * Whether the same call may go on if it is made again: the server said so, or the connection broke. A stream that was
   * reset has no reason of ours.
   */
  boolean isLost() {
    boolean broken = code() == Status.Code.UNKNOWN || code() == Status.Code.INTERNAL;
    return code() == Status.Code.UNAVAILABLE || retryAfter != null || reason().isEmpty() && broken;
  }
}
