package io.github.fanfarepush;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ForwardingClientCall.SimpleForwardingClientCall;
import io.grpc.ForwardingClientCallListener.SimpleForwardingClientCallListener;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;

/**
 * Makes calls of the blocking stubs end with a {@link FanfareException}: they throw their status's cause if it is one
 * already.
 */
final class TypedErrors implements ClientInterceptor {
  @Override
  public <I, O> ClientCall<I, O> interceptCall(MethodDescriptor<I, O> method, CallOptions options, Channel next) {
    return new SimpleForwardingClientCall<>(next.newCall(method, options)) {
      @Override
      public void start(Listener<O> listener, Metadata headers) {
        super.start(
            new SimpleForwardingClientCallListener<>(listener) {
              @Override
              public void onClose(Status status, Metadata trailers) {
                if (status.isOk()) {
                  super.onClose(status, trailers);
                } else {
                  super.onClose(status.withCause(FanfareException.of(status.asRuntimeException(trailers))), trailers);
                }
              }
            },
            headers);
      }
    };
  }
}
