package io.github.fanfarepush.v1;

import static io.grpc.MethodDescriptor.generateFullMethodName;

/**
 * <pre>
 * Stores browser push subscriptions and delivers messages to them.
 * Deadline versus TTL: the gRPC deadline limits how long *a call* waits; it never shortens delivery. Once `accepted`
 * has been received, the message is durable and goes on without the caller. Message.ttl limits how long the message is
 * worth delivering. CancelMessage stops, WatchDeliveries looks again.
 * </pre>
 */
@io.grpc.stub.annotations.GrpcGenerated
public final class PushServiceGrpc {

  private PushServiceGrpc() {}

  public static final java.lang.String SERVICE_NAME = "fanfare.v1.PushService";

  // Static method descriptors that strictly reflect the proto.
  private static volatile io.grpc.MethodDescriptor<io.github.fanfarepush.v1.SubscribeRequest,
      io.github.fanfarepush.v1.SubscribeResponse> getSubscribeMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Subscribe",
      requestType = io.github.fanfarepush.v1.SubscribeRequest.class,
      responseType = io.github.fanfarepush.v1.SubscribeResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.fanfarepush.v1.SubscribeRequest,
      io.github.fanfarepush.v1.SubscribeResponse> getSubscribeMethod() {
    io.grpc.MethodDescriptor<io.github.fanfarepush.v1.SubscribeRequest, io.github.fanfarepush.v1.SubscribeResponse> getSubscribeMethod;
    if ((getSubscribeMethod = PushServiceGrpc.getSubscribeMethod) == null) {
      synchronized (PushServiceGrpc.class) {
        if ((getSubscribeMethod = PushServiceGrpc.getSubscribeMethod) == null) {
          PushServiceGrpc.getSubscribeMethod = getSubscribeMethod =
              io.grpc.MethodDescriptor.<io.github.fanfarepush.v1.SubscribeRequest, io.github.fanfarepush.v1.SubscribeResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Subscribe"))
              .setIdempotent(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.SubscribeRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.SubscribeResponse.getDefaultInstance()))
              .setSchemaDescriptor(new PushServiceMethodDescriptorSupplier("Subscribe"))
              .build();
        }
      }
    }
    return getSubscribeMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.fanfarepush.v1.UnsubscribeRequest,
      io.github.fanfarepush.v1.UnsubscribeResponse> getUnsubscribeMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Unsubscribe",
      requestType = io.github.fanfarepush.v1.UnsubscribeRequest.class,
      responseType = io.github.fanfarepush.v1.UnsubscribeResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.fanfarepush.v1.UnsubscribeRequest,
      io.github.fanfarepush.v1.UnsubscribeResponse> getUnsubscribeMethod() {
    io.grpc.MethodDescriptor<io.github.fanfarepush.v1.UnsubscribeRequest, io.github.fanfarepush.v1.UnsubscribeResponse> getUnsubscribeMethod;
    if ((getUnsubscribeMethod = PushServiceGrpc.getUnsubscribeMethod) == null) {
      synchronized (PushServiceGrpc.class) {
        if ((getUnsubscribeMethod = PushServiceGrpc.getUnsubscribeMethod) == null) {
          PushServiceGrpc.getUnsubscribeMethod = getUnsubscribeMethod =
              io.grpc.MethodDescriptor.<io.github.fanfarepush.v1.UnsubscribeRequest, io.github.fanfarepush.v1.UnsubscribeResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Unsubscribe"))
              .setIdempotent(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.UnsubscribeRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.UnsubscribeResponse.getDefaultInstance()))
              .setSchemaDescriptor(new PushServiceMethodDescriptorSupplier("Unsubscribe"))
              .build();
        }
      }
    }
    return getUnsubscribeMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.fanfarepush.v1.GetSubscriptionRequest,
      io.github.fanfarepush.v1.GetSubscriptionResponse> getGetSubscriptionMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetSubscription",
      requestType = io.github.fanfarepush.v1.GetSubscriptionRequest.class,
      responseType = io.github.fanfarepush.v1.GetSubscriptionResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.fanfarepush.v1.GetSubscriptionRequest,
      io.github.fanfarepush.v1.GetSubscriptionResponse> getGetSubscriptionMethod() {
    io.grpc.MethodDescriptor<io.github.fanfarepush.v1.GetSubscriptionRequest, io.github.fanfarepush.v1.GetSubscriptionResponse> getGetSubscriptionMethod;
    if ((getGetSubscriptionMethod = PushServiceGrpc.getGetSubscriptionMethod) == null) {
      synchronized (PushServiceGrpc.class) {
        if ((getGetSubscriptionMethod = PushServiceGrpc.getGetSubscriptionMethod) == null) {
          PushServiceGrpc.getGetSubscriptionMethod = getGetSubscriptionMethod =
              io.grpc.MethodDescriptor.<io.github.fanfarepush.v1.GetSubscriptionRequest, io.github.fanfarepush.v1.GetSubscriptionResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetSubscription"))
              .setSafe(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.GetSubscriptionRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.GetSubscriptionResponse.getDefaultInstance()))
              .setSchemaDescriptor(new PushServiceMethodDescriptorSupplier("GetSubscription"))
              .build();
        }
      }
    }
    return getGetSubscriptionMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.fanfarepush.v1.UpdateSubscriptionRequest,
      io.github.fanfarepush.v1.UpdateSubscriptionResponse> getUpdateSubscriptionMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "UpdateSubscription",
      requestType = io.github.fanfarepush.v1.UpdateSubscriptionRequest.class,
      responseType = io.github.fanfarepush.v1.UpdateSubscriptionResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.fanfarepush.v1.UpdateSubscriptionRequest,
      io.github.fanfarepush.v1.UpdateSubscriptionResponse> getUpdateSubscriptionMethod() {
    io.grpc.MethodDescriptor<io.github.fanfarepush.v1.UpdateSubscriptionRequest, io.github.fanfarepush.v1.UpdateSubscriptionResponse> getUpdateSubscriptionMethod;
    if ((getUpdateSubscriptionMethod = PushServiceGrpc.getUpdateSubscriptionMethod) == null) {
      synchronized (PushServiceGrpc.class) {
        if ((getUpdateSubscriptionMethod = PushServiceGrpc.getUpdateSubscriptionMethod) == null) {
          PushServiceGrpc.getUpdateSubscriptionMethod = getUpdateSubscriptionMethod =
              io.grpc.MethodDescriptor.<io.github.fanfarepush.v1.UpdateSubscriptionRequest, io.github.fanfarepush.v1.UpdateSubscriptionResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "UpdateSubscription"))
              .setIdempotent(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.UpdateSubscriptionRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.UpdateSubscriptionResponse.getDefaultInstance()))
              .setSchemaDescriptor(new PushServiceMethodDescriptorSupplier("UpdateSubscription"))
              .build();
        }
      }
    }
    return getUpdateSubscriptionMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.fanfarepush.v1.ListSubscriptionsRequest,
      io.github.fanfarepush.v1.ListSubscriptionsResponse> getListSubscriptionsMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListSubscriptions",
      requestType = io.github.fanfarepush.v1.ListSubscriptionsRequest.class,
      responseType = io.github.fanfarepush.v1.ListSubscriptionsResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.fanfarepush.v1.ListSubscriptionsRequest,
      io.github.fanfarepush.v1.ListSubscriptionsResponse> getListSubscriptionsMethod() {
    io.grpc.MethodDescriptor<io.github.fanfarepush.v1.ListSubscriptionsRequest, io.github.fanfarepush.v1.ListSubscriptionsResponse> getListSubscriptionsMethod;
    if ((getListSubscriptionsMethod = PushServiceGrpc.getListSubscriptionsMethod) == null) {
      synchronized (PushServiceGrpc.class) {
        if ((getListSubscriptionsMethod = PushServiceGrpc.getListSubscriptionsMethod) == null) {
          PushServiceGrpc.getListSubscriptionsMethod = getListSubscriptionsMethod =
              io.grpc.MethodDescriptor.<io.github.fanfarepush.v1.ListSubscriptionsRequest, io.github.fanfarepush.v1.ListSubscriptionsResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListSubscriptions"))
              .setSafe(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.ListSubscriptionsRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.ListSubscriptionsResponse.getDefaultInstance()))
              .setSchemaDescriptor(new PushServiceMethodDescriptorSupplier("ListSubscriptions"))
              .build();
        }
      }
    }
    return getListSubscriptionsMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.fanfarepush.v1.WatchSubscriptionsRequest,
      io.github.fanfarepush.v1.WatchSubscriptionsResponse> getWatchSubscriptionsMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "WatchSubscriptions",
      requestType = io.github.fanfarepush.v1.WatchSubscriptionsRequest.class,
      responseType = io.github.fanfarepush.v1.WatchSubscriptionsResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
  public static io.grpc.MethodDescriptor<io.github.fanfarepush.v1.WatchSubscriptionsRequest,
      io.github.fanfarepush.v1.WatchSubscriptionsResponse> getWatchSubscriptionsMethod() {
    io.grpc.MethodDescriptor<io.github.fanfarepush.v1.WatchSubscriptionsRequest, io.github.fanfarepush.v1.WatchSubscriptionsResponse> getWatchSubscriptionsMethod;
    if ((getWatchSubscriptionsMethod = PushServiceGrpc.getWatchSubscriptionsMethod) == null) {
      synchronized (PushServiceGrpc.class) {
        if ((getWatchSubscriptionsMethod = PushServiceGrpc.getWatchSubscriptionsMethod) == null) {
          PushServiceGrpc.getWatchSubscriptionsMethod = getWatchSubscriptionsMethod =
              io.grpc.MethodDescriptor.<io.github.fanfarepush.v1.WatchSubscriptionsRequest, io.github.fanfarepush.v1.WatchSubscriptionsResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "WatchSubscriptions"))
              .setSafe(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.WatchSubscriptionsRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.WatchSubscriptionsResponse.getDefaultInstance()))
              .setSchemaDescriptor(new PushServiceMethodDescriptorSupplier("WatchSubscriptions"))
              .build();
        }
      }
    }
    return getWatchSubscriptionsMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.fanfarepush.v1.ImportSubscriptionsRequest,
      io.github.fanfarepush.v1.ImportSubscriptionsResponse> getImportSubscriptionsMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ImportSubscriptions",
      requestType = io.github.fanfarepush.v1.ImportSubscriptionsRequest.class,
      responseType = io.github.fanfarepush.v1.ImportSubscriptionsResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.BIDI_STREAMING)
  public static io.grpc.MethodDescriptor<io.github.fanfarepush.v1.ImportSubscriptionsRequest,
      io.github.fanfarepush.v1.ImportSubscriptionsResponse> getImportSubscriptionsMethod() {
    io.grpc.MethodDescriptor<io.github.fanfarepush.v1.ImportSubscriptionsRequest, io.github.fanfarepush.v1.ImportSubscriptionsResponse> getImportSubscriptionsMethod;
    if ((getImportSubscriptionsMethod = PushServiceGrpc.getImportSubscriptionsMethod) == null) {
      synchronized (PushServiceGrpc.class) {
        if ((getImportSubscriptionsMethod = PushServiceGrpc.getImportSubscriptionsMethod) == null) {
          PushServiceGrpc.getImportSubscriptionsMethod = getImportSubscriptionsMethod =
              io.grpc.MethodDescriptor.<io.github.fanfarepush.v1.ImportSubscriptionsRequest, io.github.fanfarepush.v1.ImportSubscriptionsResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.BIDI_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ImportSubscriptions"))
              .setIdempotent(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.ImportSubscriptionsRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.ImportSubscriptionsResponse.getDefaultInstance()))
              .setSchemaDescriptor(new PushServiceMethodDescriptorSupplier("ImportSubscriptions"))
              .build();
        }
      }
    }
    return getImportSubscriptionsMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.fanfarepush.v1.SendRequest,
      io.github.fanfarepush.v1.SendResponse> getSendMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Send",
      requestType = io.github.fanfarepush.v1.SendRequest.class,
      responseType = io.github.fanfarepush.v1.SendResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
  public static io.grpc.MethodDescriptor<io.github.fanfarepush.v1.SendRequest,
      io.github.fanfarepush.v1.SendResponse> getSendMethod() {
    io.grpc.MethodDescriptor<io.github.fanfarepush.v1.SendRequest, io.github.fanfarepush.v1.SendResponse> getSendMethod;
    if ((getSendMethod = PushServiceGrpc.getSendMethod) == null) {
      synchronized (PushServiceGrpc.class) {
        if ((getSendMethod = PushServiceGrpc.getSendMethod) == null) {
          PushServiceGrpc.getSendMethod = getSendMethod =
              io.grpc.MethodDescriptor.<io.github.fanfarepush.v1.SendRequest, io.github.fanfarepush.v1.SendResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Send"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.SendRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.SendResponse.getDefaultInstance()))
              .setSchemaDescriptor(new PushServiceMethodDescriptorSupplier("Send"))
              .build();
        }
      }
    }
    return getSendMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.fanfarepush.v1.BroadcastRequest,
      io.github.fanfarepush.v1.BroadcastResponse> getBroadcastMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Broadcast",
      requestType = io.github.fanfarepush.v1.BroadcastRequest.class,
      responseType = io.github.fanfarepush.v1.BroadcastResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
  public static io.grpc.MethodDescriptor<io.github.fanfarepush.v1.BroadcastRequest,
      io.github.fanfarepush.v1.BroadcastResponse> getBroadcastMethod() {
    io.grpc.MethodDescriptor<io.github.fanfarepush.v1.BroadcastRequest, io.github.fanfarepush.v1.BroadcastResponse> getBroadcastMethod;
    if ((getBroadcastMethod = PushServiceGrpc.getBroadcastMethod) == null) {
      synchronized (PushServiceGrpc.class) {
        if ((getBroadcastMethod = PushServiceGrpc.getBroadcastMethod) == null) {
          PushServiceGrpc.getBroadcastMethod = getBroadcastMethod =
              io.grpc.MethodDescriptor.<io.github.fanfarepush.v1.BroadcastRequest, io.github.fanfarepush.v1.BroadcastResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Broadcast"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.BroadcastRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.BroadcastResponse.getDefaultInstance()))
              .setSchemaDescriptor(new PushServiceMethodDescriptorSupplier("Broadcast"))
              .build();
        }
      }
    }
    return getBroadcastMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.fanfarepush.v1.SendStreamRequest,
      io.github.fanfarepush.v1.SendStreamResponse> getSendStreamMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "SendStream",
      requestType = io.github.fanfarepush.v1.SendStreamRequest.class,
      responseType = io.github.fanfarepush.v1.SendStreamResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.BIDI_STREAMING)
  public static io.grpc.MethodDescriptor<io.github.fanfarepush.v1.SendStreamRequest,
      io.github.fanfarepush.v1.SendStreamResponse> getSendStreamMethod() {
    io.grpc.MethodDescriptor<io.github.fanfarepush.v1.SendStreamRequest, io.github.fanfarepush.v1.SendStreamResponse> getSendStreamMethod;
    if ((getSendStreamMethod = PushServiceGrpc.getSendStreamMethod) == null) {
      synchronized (PushServiceGrpc.class) {
        if ((getSendStreamMethod = PushServiceGrpc.getSendStreamMethod) == null) {
          PushServiceGrpc.getSendStreamMethod = getSendStreamMethod =
              io.grpc.MethodDescriptor.<io.github.fanfarepush.v1.SendStreamRequest, io.github.fanfarepush.v1.SendStreamResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.BIDI_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "SendStream"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.SendStreamRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.SendStreamResponse.getDefaultInstance()))
              .setSchemaDescriptor(new PushServiceMethodDescriptorSupplier("SendStream"))
              .build();
        }
      }
    }
    return getSendStreamMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.fanfarepush.v1.WatchDeliveriesRequest,
      io.github.fanfarepush.v1.WatchDeliveriesResponse> getWatchDeliveriesMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "WatchDeliveries",
      requestType = io.github.fanfarepush.v1.WatchDeliveriesRequest.class,
      responseType = io.github.fanfarepush.v1.WatchDeliveriesResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
  public static io.grpc.MethodDescriptor<io.github.fanfarepush.v1.WatchDeliveriesRequest,
      io.github.fanfarepush.v1.WatchDeliveriesResponse> getWatchDeliveriesMethod() {
    io.grpc.MethodDescriptor<io.github.fanfarepush.v1.WatchDeliveriesRequest, io.github.fanfarepush.v1.WatchDeliveriesResponse> getWatchDeliveriesMethod;
    if ((getWatchDeliveriesMethod = PushServiceGrpc.getWatchDeliveriesMethod) == null) {
      synchronized (PushServiceGrpc.class) {
        if ((getWatchDeliveriesMethod = PushServiceGrpc.getWatchDeliveriesMethod) == null) {
          PushServiceGrpc.getWatchDeliveriesMethod = getWatchDeliveriesMethod =
              io.grpc.MethodDescriptor.<io.github.fanfarepush.v1.WatchDeliveriesRequest, io.github.fanfarepush.v1.WatchDeliveriesResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "WatchDeliveries"))
              .setSafe(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.WatchDeliveriesRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.WatchDeliveriesResponse.getDefaultInstance()))
              .setSchemaDescriptor(new PushServiceMethodDescriptorSupplier("WatchDeliveries"))
              .build();
        }
      }
    }
    return getWatchDeliveriesMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.fanfarepush.v1.GetMessageRequest,
      io.github.fanfarepush.v1.GetMessageResponse> getGetMessageMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetMessage",
      requestType = io.github.fanfarepush.v1.GetMessageRequest.class,
      responseType = io.github.fanfarepush.v1.GetMessageResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.fanfarepush.v1.GetMessageRequest,
      io.github.fanfarepush.v1.GetMessageResponse> getGetMessageMethod() {
    io.grpc.MethodDescriptor<io.github.fanfarepush.v1.GetMessageRequest, io.github.fanfarepush.v1.GetMessageResponse> getGetMessageMethod;
    if ((getGetMessageMethod = PushServiceGrpc.getGetMessageMethod) == null) {
      synchronized (PushServiceGrpc.class) {
        if ((getGetMessageMethod = PushServiceGrpc.getGetMessageMethod) == null) {
          PushServiceGrpc.getGetMessageMethod = getGetMessageMethod =
              io.grpc.MethodDescriptor.<io.github.fanfarepush.v1.GetMessageRequest, io.github.fanfarepush.v1.GetMessageResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetMessage"))
              .setSafe(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.GetMessageRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.GetMessageResponse.getDefaultInstance()))
              .setSchemaDescriptor(new PushServiceMethodDescriptorSupplier("GetMessage"))
              .build();
        }
      }
    }
    return getGetMessageMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.fanfarepush.v1.ListMessagesRequest,
      io.github.fanfarepush.v1.ListMessagesResponse> getListMessagesMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListMessages",
      requestType = io.github.fanfarepush.v1.ListMessagesRequest.class,
      responseType = io.github.fanfarepush.v1.ListMessagesResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.fanfarepush.v1.ListMessagesRequest,
      io.github.fanfarepush.v1.ListMessagesResponse> getListMessagesMethod() {
    io.grpc.MethodDescriptor<io.github.fanfarepush.v1.ListMessagesRequest, io.github.fanfarepush.v1.ListMessagesResponse> getListMessagesMethod;
    if ((getListMessagesMethod = PushServiceGrpc.getListMessagesMethod) == null) {
      synchronized (PushServiceGrpc.class) {
        if ((getListMessagesMethod = PushServiceGrpc.getListMessagesMethod) == null) {
          PushServiceGrpc.getListMessagesMethod = getListMessagesMethod =
              io.grpc.MethodDescriptor.<io.github.fanfarepush.v1.ListMessagesRequest, io.github.fanfarepush.v1.ListMessagesResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListMessages"))
              .setSafe(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.ListMessagesRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.ListMessagesResponse.getDefaultInstance()))
              .setSchemaDescriptor(new PushServiceMethodDescriptorSupplier("ListMessages"))
              .build();
        }
      }
    }
    return getListMessagesMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.fanfarepush.v1.ListDeliveriesRequest,
      io.github.fanfarepush.v1.ListDeliveriesResponse> getListDeliveriesMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListDeliveries",
      requestType = io.github.fanfarepush.v1.ListDeliveriesRequest.class,
      responseType = io.github.fanfarepush.v1.ListDeliveriesResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.fanfarepush.v1.ListDeliveriesRequest,
      io.github.fanfarepush.v1.ListDeliveriesResponse> getListDeliveriesMethod() {
    io.grpc.MethodDescriptor<io.github.fanfarepush.v1.ListDeliveriesRequest, io.github.fanfarepush.v1.ListDeliveriesResponse> getListDeliveriesMethod;
    if ((getListDeliveriesMethod = PushServiceGrpc.getListDeliveriesMethod) == null) {
      synchronized (PushServiceGrpc.class) {
        if ((getListDeliveriesMethod = PushServiceGrpc.getListDeliveriesMethod) == null) {
          PushServiceGrpc.getListDeliveriesMethod = getListDeliveriesMethod =
              io.grpc.MethodDescriptor.<io.github.fanfarepush.v1.ListDeliveriesRequest, io.github.fanfarepush.v1.ListDeliveriesResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListDeliveries"))
              .setSafe(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.ListDeliveriesRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.ListDeliveriesResponse.getDefaultInstance()))
              .setSchemaDescriptor(new PushServiceMethodDescriptorSupplier("ListDeliveries"))
              .build();
        }
      }
    }
    return getListDeliveriesMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.fanfarepush.v1.CancelMessageRequest,
      io.github.fanfarepush.v1.CancelMessageResponse> getCancelMessageMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "CancelMessage",
      requestType = io.github.fanfarepush.v1.CancelMessageRequest.class,
      responseType = io.github.fanfarepush.v1.CancelMessageResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.fanfarepush.v1.CancelMessageRequest,
      io.github.fanfarepush.v1.CancelMessageResponse> getCancelMessageMethod() {
    io.grpc.MethodDescriptor<io.github.fanfarepush.v1.CancelMessageRequest, io.github.fanfarepush.v1.CancelMessageResponse> getCancelMessageMethod;
    if ((getCancelMessageMethod = PushServiceGrpc.getCancelMessageMethod) == null) {
      synchronized (PushServiceGrpc.class) {
        if ((getCancelMessageMethod = PushServiceGrpc.getCancelMessageMethod) == null) {
          PushServiceGrpc.getCancelMessageMethod = getCancelMessageMethod =
              io.grpc.MethodDescriptor.<io.github.fanfarepush.v1.CancelMessageRequest, io.github.fanfarepush.v1.CancelMessageResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "CancelMessage"))
              .setIdempotent(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.CancelMessageRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.CancelMessageResponse.getDefaultInstance()))
              .setSchemaDescriptor(new PushServiceMethodDescriptorSupplier("CancelMessage"))
              .build();
        }
      }
    }
    return getCancelMessageMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.fanfarepush.v1.GetVapidPublicKeyRequest,
      io.github.fanfarepush.v1.GetVapidPublicKeyResponse> getGetVapidPublicKeyMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetVapidPublicKey",
      requestType = io.github.fanfarepush.v1.GetVapidPublicKeyRequest.class,
      responseType = io.github.fanfarepush.v1.GetVapidPublicKeyResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.fanfarepush.v1.GetVapidPublicKeyRequest,
      io.github.fanfarepush.v1.GetVapidPublicKeyResponse> getGetVapidPublicKeyMethod() {
    io.grpc.MethodDescriptor<io.github.fanfarepush.v1.GetVapidPublicKeyRequest, io.github.fanfarepush.v1.GetVapidPublicKeyResponse> getGetVapidPublicKeyMethod;
    if ((getGetVapidPublicKeyMethod = PushServiceGrpc.getGetVapidPublicKeyMethod) == null) {
      synchronized (PushServiceGrpc.class) {
        if ((getGetVapidPublicKeyMethod = PushServiceGrpc.getGetVapidPublicKeyMethod) == null) {
          PushServiceGrpc.getGetVapidPublicKeyMethod = getGetVapidPublicKeyMethod =
              io.grpc.MethodDescriptor.<io.github.fanfarepush.v1.GetVapidPublicKeyRequest, io.github.fanfarepush.v1.GetVapidPublicKeyResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetVapidPublicKey"))
              .setSafe(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.GetVapidPublicKeyRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.GetVapidPublicKeyResponse.getDefaultInstance()))
              .setSchemaDescriptor(new PushServiceMethodDescriptorSupplier("GetVapidPublicKey"))
              .build();
        }
      }
    }
    return getGetVapidPublicKeyMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.fanfarepush.v1.CreateSubscriberTokenRequest,
      io.github.fanfarepush.v1.CreateSubscriberTokenResponse> getCreateSubscriberTokenMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "CreateSubscriberToken",
      requestType = io.github.fanfarepush.v1.CreateSubscriberTokenRequest.class,
      responseType = io.github.fanfarepush.v1.CreateSubscriberTokenResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.fanfarepush.v1.CreateSubscriberTokenRequest,
      io.github.fanfarepush.v1.CreateSubscriberTokenResponse> getCreateSubscriberTokenMethod() {
    io.grpc.MethodDescriptor<io.github.fanfarepush.v1.CreateSubscriberTokenRequest, io.github.fanfarepush.v1.CreateSubscriberTokenResponse> getCreateSubscriberTokenMethod;
    if ((getCreateSubscriberTokenMethod = PushServiceGrpc.getCreateSubscriberTokenMethod) == null) {
      synchronized (PushServiceGrpc.class) {
        if ((getCreateSubscriberTokenMethod = PushServiceGrpc.getCreateSubscriberTokenMethod) == null) {
          PushServiceGrpc.getCreateSubscriberTokenMethod = getCreateSubscriberTokenMethod =
              io.grpc.MethodDescriptor.<io.github.fanfarepush.v1.CreateSubscriberTokenRequest, io.github.fanfarepush.v1.CreateSubscriberTokenResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "CreateSubscriberToken"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.CreateSubscriberTokenRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.CreateSubscriberTokenResponse.getDefaultInstance()))
              .setSchemaDescriptor(new PushServiceMethodDescriptorSupplier("CreateSubscriberToken"))
              .build();
        }
      }
    }
    return getCreateSubscriberTokenMethod;
  }

  /**
   * Creates a new async stub that supports all call types for the service
   */
  public static PushServiceStub newStub(io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<PushServiceStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<PushServiceStub>() {
        @java.lang.Override
        public PushServiceStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new PushServiceStub(channel, callOptions);
        }
      };
    return PushServiceStub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports all types of calls on the service
   */
  public static PushServiceBlockingV2Stub newBlockingV2Stub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<PushServiceBlockingV2Stub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<PushServiceBlockingV2Stub>() {
        @java.lang.Override
        public PushServiceBlockingV2Stub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new PushServiceBlockingV2Stub(channel, callOptions);
        }
      };
    return PushServiceBlockingV2Stub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports unary and streaming output calls on the service
   */
  public static PushServiceBlockingStub newBlockingStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<PushServiceBlockingStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<PushServiceBlockingStub>() {
        @java.lang.Override
        public PushServiceBlockingStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new PushServiceBlockingStub(channel, callOptions);
        }
      };
    return PushServiceBlockingStub.newStub(factory, channel);
  }

  /**
   * Creates a new ListenableFuture-style stub that supports unary calls on the service
   */
  public static PushServiceFutureStub newFutureStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<PushServiceFutureStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<PushServiceFutureStub>() {
        @java.lang.Override
        public PushServiceFutureStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new PushServiceFutureStub(channel, callOptions);
        }
      };
    return PushServiceFutureStub.newStub(factory, channel);
  }

  /**
   * <pre>
   * Stores browser push subscriptions and delivers messages to them.
   * Deadline versus TTL: the gRPC deadline limits how long *a call* waits; it never shortens delivery. Once `accepted`
   * has been received, the message is durable and goes on without the caller. Message.ttl limits how long the message is
   * worth delivering. CancelMessage stops, WatchDeliveries looks again.
   * </pre>
   */
  public interface AsyncService {

    /**
     * <pre>
     * Stores a browser's PushSubscription, or updates the one with the same endpoint.
     * INVALID_ARGUMENT: bad endpoint, p256dh or auth. PERMISSION_DENIED, reason ENDPOINT_NOT_ALLOWED: the endpoint's host
     * is no push service that this server may post to, or its path is none that this push service gives out.
     * RESOURCE_EXHAUSTED: quota of the application.
     * </pre>
     */
    default void subscribe(io.github.fanfarepush.v1.SubscribeRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.SubscribeResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getSubscribeMethod(), responseObserver);
    }

    /**
     * <pre>
     * Removes a subscription, by name or endpoint, or all of a user. NOT_FOUND unless allow_missing.
     * </pre>
     */
    default void unsubscribe(io.github.fanfarepush.v1.UnsubscribeRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.UnsubscribeResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getUnsubscribeMethod(), responseObserver);
    }

    /**
     * <pre>
     * Reads a subscription, by name or endpoint.
     * </pre>
     */
    default void getSubscription(io.github.fanfarepush.v1.GetSubscriptionRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.GetSubscriptionResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetSubscriptionMethod(), responseObserver);
    }

    /**
     * <pre>
     * Changes user, topics, labels, locale, time zone or expiry; the endpoint and keys change by Subscribe only.
     * ABORTED: etag does not match.
     * </pre>
     */
    default void updateSubscription(io.github.fanfarepush.v1.UpdateSubscriptionRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.UpdateSubscriptionResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getUpdateSubscriptionMethod(), responseObserver);
    }

    /**
     * <pre>
     * All subscriptions, or those of a user or topic, in the order of their names.
     * </pre>
     */
    default void listSubscriptions(io.github.fanfarepush.v1.ListSubscriptionsRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.ListSubscriptionsResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListSubscriptionsMethod(), responseObserver);
    }

    /**
     * <pre>
     * The change feed: what was added, changed, disabled or removed, by whom or on what evidence. The first response
     * comes at once: to mirror everything, take its token, ListSubscriptions, then watch from the token. Tokens and
     * errors as WatchDeliveries.
     * </pre>
     */
    default void watchSubscriptions(io.github.fanfarepush.v1.WatchSubscriptionsRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.WatchSubscriptionsResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getWatchSubscriptionsMethod(), responseObserver);
    }

    /**
     * <pre>
     * Stores many, each as Subscribe would: entries up, answers down in the same order, once durable. A call that broke
     * off goes on from the first entry without an answer; an entry sent twice does no harm.
     * </pre>
     */
    default io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.ImportSubscriptionsRequest> importSubscriptions(
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.ImportSubscriptionsResponse> responseObserver) {
      return io.grpc.stub.ServerCalls.asyncUnimplementedStreamingCall(getImportSubscriptionsMethod(), responseObserver);
    }

    /**
     * <pre>
     * Sends a message to one recipient (a subscription, a user's subscriptions, or one given inline) and streams what
     * happens to it. First frame: `accepted`. Last frame before OK: `summary` (none at REPORT_LEVEL_ACCEPTED). A call
     * that broke off before `accepted` may have been accepted all the same: repeat it with the same request_id. After it:
     * WatchDeliveries with the token.
     * NOT_FOUND: no such subscription, or the user has none. RESOURCE_EXHAUSTED or UNAVAILABLE with RetryInfo: shed.
     * </pre>
     */
    default void send(io.github.fanfarepush.v1.SendRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.SendResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getSendMethod(), responseObserver);
    }

    /**
     * <pre>
     * Sends a message to an audience and streams the status of every endpoint. Frames and errors as Send's.
     * </pre>
     */
    default void broadcast(io.github.fanfarepush.v1.BroadcastRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.BroadcastResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getBroadcastMethod(), responseObserver);
    }

    /**
     * <pre>
     * Bulk of personalised messages, flow-controlled both ways: requests up; answers (in request order, in groups that
     * became durable together) and events down, until the caller has half-closed and all messages have ended. The first
     * frame is `progress`, for its token: at the first request, which says whose the call is, or after a second without
     * one. Then another follows if the first request is of an application other than the caller's own. NOT_FOUND at once:
     * the first request names an application that the caller does not reach. A call that broke off: repeat what has no
     * answer, and watch "messages/-" from the last token.
     * </pre>
     */
    default io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.SendStreamRequest> sendStream(
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.SendStreamResponse> responseObserver) {
      return io.grpc.stub.ServerCalls.asyncUnimplementedStreamingCall(getSendStreamMethod(), responseObserver);
    }

    /**
     * <pre>
     * Joins, or rejoins after a lost connection, the status stream of one message or of all. The first frame comes at
     * once: `accepted` from the beginning of a message, else `progress`. In order per delivery; resumed with the last
     * token, without a gap or a duplicate.
     * OUT_OF_RANGE, reason RESUME_TOKEN_EXPIRED, metadata oldest_time: that history was trimmed. GetMessage still has the
     * counts; on "messages/-" go on with start_time. INVALID_ARGUMENT: not a token of ours, or of another parent.
     * UNAVAILABLE with RetryInfo: this server drains, or the stream is old; reconnect with the token.
     * </pre>
     */
    default void watchDeliveries(io.github.fanfarepush.v1.WatchDeliveriesRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.WatchDeliveriesResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getWatchDeliveriesMethod(), responseObserver);
    }

    /**
     * <pre>
     * The state and counts of a message.
     * </pre>
     */
    default void getMessage(io.github.fanfarepush.v1.GetMessageRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.GetMessageResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetMessageMethod(), responseObserver);
    }

    /**
     * <pre>
     * Messages, newest first. A call looks at a bounded number of messages: of what is rare a page may be short, even empty,
     * before the last.
     * </pre>
     */
    default void listMessages(io.github.fanfarepush.v1.ListMessagesRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.ListMessagesResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListMessagesMethod(), responseObserver);
    }

    /**
     * <pre>
     * The latest state of each delivery of a message, with its attempts where they are still known: first those that have
     * ended, then the others. One that ends while the list is read may come twice, as it stood and as it ended. A page may
     * be short, even empty, before the last. Targets of a broadcast that are not planned yet are not listed.
     * OUT_OF_RANGE, reason HISTORY_TRIMMED: only the counts are left.
     * </pre>
     */
    default void listDeliveries(io.github.fanfarepush.v1.ListDeliveriesRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.ListDeliveriesResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListDeliveriesMethod(), responseObserver);
    }

    /**
     * <pre>
     * Stops attempts that have not started. What a push service already took cannot be taken back; a message that has
     * ended stays as it is.
     * </pre>
     */
    default void cancelMessage(io.github.fanfarepush.v1.CancelMessageRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.CancelMessageResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getCancelMessageMethod(), responseObserver);
    }

    /**
     * <pre>
     * The applicationServerKey that browsers pass to PushManager.subscribe().
     * </pre>
     */
    default void getVapidPublicKey(io.github.fanfarepush.v1.GetVapidPublicKeyRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.GetVapidPublicKeyResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetVapidPublicKeyMethod(), responseObserver);
    }

    /**
     * <pre>
     * A token that a page may hold: for a few minutes, Subscribe, Unsubscribe and GetVapidPublicKey for one user.
     * </pre>
     */
    default void createSubscriberToken(io.github.fanfarepush.v1.CreateSubscriberTokenRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.CreateSubscriberTokenResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getCreateSubscriberTokenMethod(), responseObserver);
    }
  }

  /**
   * Base class for the server implementation of the service PushService.
   * <pre>
   * Stores browser push subscriptions and delivers messages to them.
   * Deadline versus TTL: the gRPC deadline limits how long *a call* waits; it never shortens delivery. Once `accepted`
   * has been received, the message is durable and goes on without the caller. Message.ttl limits how long the message is
   * worth delivering. CancelMessage stops, WatchDeliveries looks again.
   * </pre>
   */
  public static abstract class PushServiceImplBase
      implements io.grpc.BindableService, AsyncService {

    @java.lang.Override public final io.grpc.ServerServiceDefinition bindService() {
      return PushServiceGrpc.bindService(this);
    }
  }

  /**
   * A stub to allow clients to do asynchronous rpc calls to service PushService.
   * <pre>
   * Stores browser push subscriptions and delivers messages to them.
   * Deadline versus TTL: the gRPC deadline limits how long *a call* waits; it never shortens delivery. Once `accepted`
   * has been received, the message is durable and goes on without the caller. Message.ttl limits how long the message is
   * worth delivering. CancelMessage stops, WatchDeliveries looks again.
   * </pre>
   */
  public static final class PushServiceStub
      extends io.grpc.stub.AbstractAsyncStub<PushServiceStub> {
    private PushServiceStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected PushServiceStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new PushServiceStub(channel, callOptions);
    }

    /**
     * <pre>
     * Stores a browser's PushSubscription, or updates the one with the same endpoint.
     * INVALID_ARGUMENT: bad endpoint, p256dh or auth. PERMISSION_DENIED, reason ENDPOINT_NOT_ALLOWED: the endpoint's host
     * is no push service that this server may post to, or its path is none that this push service gives out.
     * RESOURCE_EXHAUSTED: quota of the application.
     * </pre>
     */
    public void subscribe(io.github.fanfarepush.v1.SubscribeRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.SubscribeResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getSubscribeMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Removes a subscription, by name or endpoint, or all of a user. NOT_FOUND unless allow_missing.
     * </pre>
     */
    public void unsubscribe(io.github.fanfarepush.v1.UnsubscribeRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.UnsubscribeResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getUnsubscribeMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Reads a subscription, by name or endpoint.
     * </pre>
     */
    public void getSubscription(io.github.fanfarepush.v1.GetSubscriptionRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.GetSubscriptionResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetSubscriptionMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Changes user, topics, labels, locale, time zone or expiry; the endpoint and keys change by Subscribe only.
     * ABORTED: etag does not match.
     * </pre>
     */
    public void updateSubscription(io.github.fanfarepush.v1.UpdateSubscriptionRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.UpdateSubscriptionResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getUpdateSubscriptionMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * All subscriptions, or those of a user or topic, in the order of their names.
     * </pre>
     */
    public void listSubscriptions(io.github.fanfarepush.v1.ListSubscriptionsRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.ListSubscriptionsResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListSubscriptionsMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * The change feed: what was added, changed, disabled or removed, by whom or on what evidence. The first response
     * comes at once: to mirror everything, take its token, ListSubscriptions, then watch from the token. Tokens and
     * errors as WatchDeliveries.
     * </pre>
     */
    public void watchSubscriptions(io.github.fanfarepush.v1.WatchSubscriptionsRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.WatchSubscriptionsResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncServerStreamingCall(
          getChannel().newCall(getWatchSubscriptionsMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Stores many, each as Subscribe would: entries up, answers down in the same order, once durable. A call that broke
     * off goes on from the first entry without an answer; an entry sent twice does no harm.
     * </pre>
     */
    public io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.ImportSubscriptionsRequest> importSubscriptions(
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.ImportSubscriptionsResponse> responseObserver) {
      return io.grpc.stub.ClientCalls.asyncBidiStreamingCall(
          getChannel().newCall(getImportSubscriptionsMethod(), getCallOptions()), responseObserver);
    }

    /**
     * <pre>
     * Sends a message to one recipient (a subscription, a user's subscriptions, or one given inline) and streams what
     * happens to it. First frame: `accepted`. Last frame before OK: `summary` (none at REPORT_LEVEL_ACCEPTED). A call
     * that broke off before `accepted` may have been accepted all the same: repeat it with the same request_id. After it:
     * WatchDeliveries with the token.
     * NOT_FOUND: no such subscription, or the user has none. RESOURCE_EXHAUSTED or UNAVAILABLE with RetryInfo: shed.
     * </pre>
     */
    public void send(io.github.fanfarepush.v1.SendRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.SendResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncServerStreamingCall(
          getChannel().newCall(getSendMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Sends a message to an audience and streams the status of every endpoint. Frames and errors as Send's.
     * </pre>
     */
    public void broadcast(io.github.fanfarepush.v1.BroadcastRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.BroadcastResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncServerStreamingCall(
          getChannel().newCall(getBroadcastMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Bulk of personalised messages, flow-controlled both ways: requests up; answers (in request order, in groups that
     * became durable together) and events down, until the caller has half-closed and all messages have ended. The first
     * frame is `progress`, for its token: at the first request, which says whose the call is, or after a second without
     * one. Then another follows if the first request is of an application other than the caller's own. NOT_FOUND at once:
     * the first request names an application that the caller does not reach. A call that broke off: repeat what has no
     * answer, and watch "messages/-" from the last token.
     * </pre>
     */
    public io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.SendStreamRequest> sendStream(
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.SendStreamResponse> responseObserver) {
      return io.grpc.stub.ClientCalls.asyncBidiStreamingCall(
          getChannel().newCall(getSendStreamMethod(), getCallOptions()), responseObserver);
    }

    /**
     * <pre>
     * Joins, or rejoins after a lost connection, the status stream of one message or of all. The first frame comes at
     * once: `accepted` from the beginning of a message, else `progress`. In order per delivery; resumed with the last
     * token, without a gap or a duplicate.
     * OUT_OF_RANGE, reason RESUME_TOKEN_EXPIRED, metadata oldest_time: that history was trimmed. GetMessage still has the
     * counts; on "messages/-" go on with start_time. INVALID_ARGUMENT: not a token of ours, or of another parent.
     * UNAVAILABLE with RetryInfo: this server drains, or the stream is old; reconnect with the token.
     * </pre>
     */
    public void watchDeliveries(io.github.fanfarepush.v1.WatchDeliveriesRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.WatchDeliveriesResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncServerStreamingCall(
          getChannel().newCall(getWatchDeliveriesMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * The state and counts of a message.
     * </pre>
     */
    public void getMessage(io.github.fanfarepush.v1.GetMessageRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.GetMessageResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetMessageMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Messages, newest first. A call looks at a bounded number of messages: of what is rare a page may be short, even empty,
     * before the last.
     * </pre>
     */
    public void listMessages(io.github.fanfarepush.v1.ListMessagesRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.ListMessagesResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListMessagesMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * The latest state of each delivery of a message, with its attempts where they are still known: first those that have
     * ended, then the others. One that ends while the list is read may come twice, as it stood and as it ended. A page may
     * be short, even empty, before the last. Targets of a broadcast that are not planned yet are not listed.
     * OUT_OF_RANGE, reason HISTORY_TRIMMED: only the counts are left.
     * </pre>
     */
    public void listDeliveries(io.github.fanfarepush.v1.ListDeliveriesRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.ListDeliveriesResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListDeliveriesMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Stops attempts that have not started. What a push service already took cannot be taken back; a message that has
     * ended stays as it is.
     * </pre>
     */
    public void cancelMessage(io.github.fanfarepush.v1.CancelMessageRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.CancelMessageResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getCancelMessageMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * The applicationServerKey that browsers pass to PushManager.subscribe().
     * </pre>
     */
    public void getVapidPublicKey(io.github.fanfarepush.v1.GetVapidPublicKeyRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.GetVapidPublicKeyResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetVapidPublicKeyMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * A token that a page may hold: for a few minutes, Subscribe, Unsubscribe and GetVapidPublicKey for one user.
     * </pre>
     */
    public void createSubscriberToken(io.github.fanfarepush.v1.CreateSubscriberTokenRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.CreateSubscriberTokenResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getCreateSubscriberTokenMethod(), getCallOptions()), request, responseObserver);
    }
  }

  /**
   * A stub to allow clients to do synchronous rpc calls to service PushService.
   * <pre>
   * Stores browser push subscriptions and delivers messages to them.
   * Deadline versus TTL: the gRPC deadline limits how long *a call* waits; it never shortens delivery. Once `accepted`
   * has been received, the message is durable and goes on without the caller. Message.ttl limits how long the message is
   * worth delivering. CancelMessage stops, WatchDeliveries looks again.
   * </pre>
   */
  public static final class PushServiceBlockingV2Stub
      extends io.grpc.stub.AbstractBlockingStub<PushServiceBlockingV2Stub> {
    private PushServiceBlockingV2Stub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected PushServiceBlockingV2Stub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new PushServiceBlockingV2Stub(channel, callOptions);
    }

    /**
     * <pre>
     * Stores a browser's PushSubscription, or updates the one with the same endpoint.
     * INVALID_ARGUMENT: bad endpoint, p256dh or auth. PERMISSION_DENIED, reason ENDPOINT_NOT_ALLOWED: the endpoint's host
     * is no push service that this server may post to, or its path is none that this push service gives out.
     * RESOURCE_EXHAUSTED: quota of the application.
     * </pre>
     */
    public io.github.fanfarepush.v1.SubscribeResponse subscribe(io.github.fanfarepush.v1.SubscribeRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getSubscribeMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Removes a subscription, by name or endpoint, or all of a user. NOT_FOUND unless allow_missing.
     * </pre>
     */
    public io.github.fanfarepush.v1.UnsubscribeResponse unsubscribe(io.github.fanfarepush.v1.UnsubscribeRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getUnsubscribeMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Reads a subscription, by name or endpoint.
     * </pre>
     */
    public io.github.fanfarepush.v1.GetSubscriptionResponse getSubscription(io.github.fanfarepush.v1.GetSubscriptionRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetSubscriptionMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Changes user, topics, labels, locale, time zone or expiry; the endpoint and keys change by Subscribe only.
     * ABORTED: etag does not match.
     * </pre>
     */
    public io.github.fanfarepush.v1.UpdateSubscriptionResponse updateSubscription(io.github.fanfarepush.v1.UpdateSubscriptionRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getUpdateSubscriptionMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * All subscriptions, or those of a user or topic, in the order of their names.
     * </pre>
     */
    public io.github.fanfarepush.v1.ListSubscriptionsResponse listSubscriptions(io.github.fanfarepush.v1.ListSubscriptionsRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListSubscriptionsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * The change feed: what was added, changed, disabled or removed, by whom or on what evidence. The first response
     * comes at once: to mirror everything, take its token, ListSubscriptions, then watch from the token. Tokens and
     * errors as WatchDeliveries.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<?, io.github.fanfarepush.v1.WatchSubscriptionsResponse>
        watchSubscriptions(io.github.fanfarepush.v1.WatchSubscriptionsRequest request) {
      return io.grpc.stub.ClientCalls.blockingV2ServerStreamingCall(
          getChannel(), getWatchSubscriptionsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Stores many, each as Subscribe would: entries up, answers down in the same order, once durable. A call that broke
     * off goes on from the first entry without an answer; an entry sent twice does no harm.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<io.github.fanfarepush.v1.ImportSubscriptionsRequest, io.github.fanfarepush.v1.ImportSubscriptionsResponse>
        importSubscriptions() {
      return io.grpc.stub.ClientCalls.blockingBidiStreamingCall(
          getChannel(), getImportSubscriptionsMethod(), getCallOptions());
    }

    /**
     * <pre>
     * Sends a message to one recipient (a subscription, a user's subscriptions, or one given inline) and streams what
     * happens to it. First frame: `accepted`. Last frame before OK: `summary` (none at REPORT_LEVEL_ACCEPTED). A call
     * that broke off before `accepted` may have been accepted all the same: repeat it with the same request_id. After it:
     * WatchDeliveries with the token.
     * NOT_FOUND: no such subscription, or the user has none. RESOURCE_EXHAUSTED or UNAVAILABLE with RetryInfo: shed.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<?, io.github.fanfarepush.v1.SendResponse>
        send(io.github.fanfarepush.v1.SendRequest request) {
      return io.grpc.stub.ClientCalls.blockingV2ServerStreamingCall(
          getChannel(), getSendMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Sends a message to an audience and streams the status of every endpoint. Frames and errors as Send's.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<?, io.github.fanfarepush.v1.BroadcastResponse>
        broadcast(io.github.fanfarepush.v1.BroadcastRequest request) {
      return io.grpc.stub.ClientCalls.blockingV2ServerStreamingCall(
          getChannel(), getBroadcastMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Bulk of personalised messages, flow-controlled both ways: requests up; answers (in request order, in groups that
     * became durable together) and events down, until the caller has half-closed and all messages have ended. The first
     * frame is `progress`, for its token: at the first request, which says whose the call is, or after a second without
     * one. Then another follows if the first request is of an application other than the caller's own. NOT_FOUND at once:
     * the first request names an application that the caller does not reach. A call that broke off: repeat what has no
     * answer, and watch "messages/-" from the last token.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<io.github.fanfarepush.v1.SendStreamRequest, io.github.fanfarepush.v1.SendStreamResponse>
        sendStream() {
      return io.grpc.stub.ClientCalls.blockingBidiStreamingCall(
          getChannel(), getSendStreamMethod(), getCallOptions());
    }

    /**
     * <pre>
     * Joins, or rejoins after a lost connection, the status stream of one message or of all. The first frame comes at
     * once: `accepted` from the beginning of a message, else `progress`. In order per delivery; resumed with the last
     * token, without a gap or a duplicate.
     * OUT_OF_RANGE, reason RESUME_TOKEN_EXPIRED, metadata oldest_time: that history was trimmed. GetMessage still has the
     * counts; on "messages/-" go on with start_time. INVALID_ARGUMENT: not a token of ours, or of another parent.
     * UNAVAILABLE with RetryInfo: this server drains, or the stream is old; reconnect with the token.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<?, io.github.fanfarepush.v1.WatchDeliveriesResponse>
        watchDeliveries(io.github.fanfarepush.v1.WatchDeliveriesRequest request) {
      return io.grpc.stub.ClientCalls.blockingV2ServerStreamingCall(
          getChannel(), getWatchDeliveriesMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * The state and counts of a message.
     * </pre>
     */
    public io.github.fanfarepush.v1.GetMessageResponse getMessage(io.github.fanfarepush.v1.GetMessageRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetMessageMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Messages, newest first. A call looks at a bounded number of messages: of what is rare a page may be short, even empty,
     * before the last.
     * </pre>
     */
    public io.github.fanfarepush.v1.ListMessagesResponse listMessages(io.github.fanfarepush.v1.ListMessagesRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListMessagesMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * The latest state of each delivery of a message, with its attempts where they are still known: first those that have
     * ended, then the others. One that ends while the list is read may come twice, as it stood and as it ended. A page may
     * be short, even empty, before the last. Targets of a broadcast that are not planned yet are not listed.
     * OUT_OF_RANGE, reason HISTORY_TRIMMED: only the counts are left.
     * </pre>
     */
    public io.github.fanfarepush.v1.ListDeliveriesResponse listDeliveries(io.github.fanfarepush.v1.ListDeliveriesRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListDeliveriesMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Stops attempts that have not started. What a push service already took cannot be taken back; a message that has
     * ended stays as it is.
     * </pre>
     */
    public io.github.fanfarepush.v1.CancelMessageResponse cancelMessage(io.github.fanfarepush.v1.CancelMessageRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getCancelMessageMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * The applicationServerKey that browsers pass to PushManager.subscribe().
     * </pre>
     */
    public io.github.fanfarepush.v1.GetVapidPublicKeyResponse getVapidPublicKey(io.github.fanfarepush.v1.GetVapidPublicKeyRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetVapidPublicKeyMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * A token that a page may hold: for a few minutes, Subscribe, Unsubscribe and GetVapidPublicKey for one user.
     * </pre>
     */
    public io.github.fanfarepush.v1.CreateSubscriberTokenResponse createSubscriberToken(io.github.fanfarepush.v1.CreateSubscriberTokenRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getCreateSubscriberTokenMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do limited synchronous rpc calls to service PushService.
   * <pre>
   * Stores browser push subscriptions and delivers messages to them.
   * Deadline versus TTL: the gRPC deadline limits how long *a call* waits; it never shortens delivery. Once `accepted`
   * has been received, the message is durable and goes on without the caller. Message.ttl limits how long the message is
   * worth delivering. CancelMessage stops, WatchDeliveries looks again.
   * </pre>
   */
  public static final class PushServiceBlockingStub
      extends io.grpc.stub.AbstractBlockingStub<PushServiceBlockingStub> {
    private PushServiceBlockingStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected PushServiceBlockingStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new PushServiceBlockingStub(channel, callOptions);
    }

    /**
     * <pre>
     * Stores a browser's PushSubscription, or updates the one with the same endpoint.
     * INVALID_ARGUMENT: bad endpoint, p256dh or auth. PERMISSION_DENIED, reason ENDPOINT_NOT_ALLOWED: the endpoint's host
     * is no push service that this server may post to, or its path is none that this push service gives out.
     * RESOURCE_EXHAUSTED: quota of the application.
     * </pre>
     */
    public io.github.fanfarepush.v1.SubscribeResponse subscribe(io.github.fanfarepush.v1.SubscribeRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getSubscribeMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Removes a subscription, by name or endpoint, or all of a user. NOT_FOUND unless allow_missing.
     * </pre>
     */
    public io.github.fanfarepush.v1.UnsubscribeResponse unsubscribe(io.github.fanfarepush.v1.UnsubscribeRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getUnsubscribeMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Reads a subscription, by name or endpoint.
     * </pre>
     */
    public io.github.fanfarepush.v1.GetSubscriptionResponse getSubscription(io.github.fanfarepush.v1.GetSubscriptionRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetSubscriptionMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Changes user, topics, labels, locale, time zone or expiry; the endpoint and keys change by Subscribe only.
     * ABORTED: etag does not match.
     * </pre>
     */
    public io.github.fanfarepush.v1.UpdateSubscriptionResponse updateSubscription(io.github.fanfarepush.v1.UpdateSubscriptionRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getUpdateSubscriptionMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * All subscriptions, or those of a user or topic, in the order of their names.
     * </pre>
     */
    public io.github.fanfarepush.v1.ListSubscriptionsResponse listSubscriptions(io.github.fanfarepush.v1.ListSubscriptionsRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListSubscriptionsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * The change feed: what was added, changed, disabled or removed, by whom or on what evidence. The first response
     * comes at once: to mirror everything, take its token, ListSubscriptions, then watch from the token. Tokens and
     * errors as WatchDeliveries.
     * </pre>
     */
    public java.util.Iterator<io.github.fanfarepush.v1.WatchSubscriptionsResponse> watchSubscriptions(
        io.github.fanfarepush.v1.WatchSubscriptionsRequest request) {
      return io.grpc.stub.ClientCalls.blockingServerStreamingCall(
          getChannel(), getWatchSubscriptionsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Sends a message to one recipient (a subscription, a user's subscriptions, or one given inline) and streams what
     * happens to it. First frame: `accepted`. Last frame before OK: `summary` (none at REPORT_LEVEL_ACCEPTED). A call
     * that broke off before `accepted` may have been accepted all the same: repeat it with the same request_id. After it:
     * WatchDeliveries with the token.
     * NOT_FOUND: no such subscription, or the user has none. RESOURCE_EXHAUSTED or UNAVAILABLE with RetryInfo: shed.
     * </pre>
     */
    public java.util.Iterator<io.github.fanfarepush.v1.SendResponse> send(
        io.github.fanfarepush.v1.SendRequest request) {
      return io.grpc.stub.ClientCalls.blockingServerStreamingCall(
          getChannel(), getSendMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Sends a message to an audience and streams the status of every endpoint. Frames and errors as Send's.
     * </pre>
     */
    public java.util.Iterator<io.github.fanfarepush.v1.BroadcastResponse> broadcast(
        io.github.fanfarepush.v1.BroadcastRequest request) {
      return io.grpc.stub.ClientCalls.blockingServerStreamingCall(
          getChannel(), getBroadcastMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Joins, or rejoins after a lost connection, the status stream of one message or of all. The first frame comes at
     * once: `accepted` from the beginning of a message, else `progress`. In order per delivery; resumed with the last
     * token, without a gap or a duplicate.
     * OUT_OF_RANGE, reason RESUME_TOKEN_EXPIRED, metadata oldest_time: that history was trimmed. GetMessage still has the
     * counts; on "messages/-" go on with start_time. INVALID_ARGUMENT: not a token of ours, or of another parent.
     * UNAVAILABLE with RetryInfo: this server drains, or the stream is old; reconnect with the token.
     * </pre>
     */
    public java.util.Iterator<io.github.fanfarepush.v1.WatchDeliveriesResponse> watchDeliveries(
        io.github.fanfarepush.v1.WatchDeliveriesRequest request) {
      return io.grpc.stub.ClientCalls.blockingServerStreamingCall(
          getChannel(), getWatchDeliveriesMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * The state and counts of a message.
     * </pre>
     */
    public io.github.fanfarepush.v1.GetMessageResponse getMessage(io.github.fanfarepush.v1.GetMessageRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetMessageMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Messages, newest first. A call looks at a bounded number of messages: of what is rare a page may be short, even empty,
     * before the last.
     * </pre>
     */
    public io.github.fanfarepush.v1.ListMessagesResponse listMessages(io.github.fanfarepush.v1.ListMessagesRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListMessagesMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * The latest state of each delivery of a message, with its attempts where they are still known: first those that have
     * ended, then the others. One that ends while the list is read may come twice, as it stood and as it ended. A page may
     * be short, even empty, before the last. Targets of a broadcast that are not planned yet are not listed.
     * OUT_OF_RANGE, reason HISTORY_TRIMMED: only the counts are left.
     * </pre>
     */
    public io.github.fanfarepush.v1.ListDeliveriesResponse listDeliveries(io.github.fanfarepush.v1.ListDeliveriesRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListDeliveriesMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Stops attempts that have not started. What a push service already took cannot be taken back; a message that has
     * ended stays as it is.
     * </pre>
     */
    public io.github.fanfarepush.v1.CancelMessageResponse cancelMessage(io.github.fanfarepush.v1.CancelMessageRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getCancelMessageMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * The applicationServerKey that browsers pass to PushManager.subscribe().
     * </pre>
     */
    public io.github.fanfarepush.v1.GetVapidPublicKeyResponse getVapidPublicKey(io.github.fanfarepush.v1.GetVapidPublicKeyRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetVapidPublicKeyMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * A token that a page may hold: for a few minutes, Subscribe, Unsubscribe and GetVapidPublicKey for one user.
     * </pre>
     */
    public io.github.fanfarepush.v1.CreateSubscriberTokenResponse createSubscriberToken(io.github.fanfarepush.v1.CreateSubscriberTokenRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getCreateSubscriberTokenMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do ListenableFuture-style rpc calls to service PushService.
   * <pre>
   * Stores browser push subscriptions and delivers messages to them.
   * Deadline versus TTL: the gRPC deadline limits how long *a call* waits; it never shortens delivery. Once `accepted`
   * has been received, the message is durable and goes on without the caller. Message.ttl limits how long the message is
   * worth delivering. CancelMessage stops, WatchDeliveries looks again.
   * </pre>
   */
  public static final class PushServiceFutureStub
      extends io.grpc.stub.AbstractFutureStub<PushServiceFutureStub> {
    private PushServiceFutureStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected PushServiceFutureStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new PushServiceFutureStub(channel, callOptions);
    }

    /**
     * <pre>
     * Stores a browser's PushSubscription, or updates the one with the same endpoint.
     * INVALID_ARGUMENT: bad endpoint, p256dh or auth. PERMISSION_DENIED, reason ENDPOINT_NOT_ALLOWED: the endpoint's host
     * is no push service that this server may post to, or its path is none that this push service gives out.
     * RESOURCE_EXHAUSTED: quota of the application.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.fanfarepush.v1.SubscribeResponse> subscribe(
        io.github.fanfarepush.v1.SubscribeRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getSubscribeMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Removes a subscription, by name or endpoint, or all of a user. NOT_FOUND unless allow_missing.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.fanfarepush.v1.UnsubscribeResponse> unsubscribe(
        io.github.fanfarepush.v1.UnsubscribeRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getUnsubscribeMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Reads a subscription, by name or endpoint.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.fanfarepush.v1.GetSubscriptionResponse> getSubscription(
        io.github.fanfarepush.v1.GetSubscriptionRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetSubscriptionMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Changes user, topics, labels, locale, time zone or expiry; the endpoint and keys change by Subscribe only.
     * ABORTED: etag does not match.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.fanfarepush.v1.UpdateSubscriptionResponse> updateSubscription(
        io.github.fanfarepush.v1.UpdateSubscriptionRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getUpdateSubscriptionMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * All subscriptions, or those of a user or topic, in the order of their names.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.fanfarepush.v1.ListSubscriptionsResponse> listSubscriptions(
        io.github.fanfarepush.v1.ListSubscriptionsRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListSubscriptionsMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * The state and counts of a message.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.fanfarepush.v1.GetMessageResponse> getMessage(
        io.github.fanfarepush.v1.GetMessageRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetMessageMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Messages, newest first. A call looks at a bounded number of messages: of what is rare a page may be short, even empty,
     * before the last.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.fanfarepush.v1.ListMessagesResponse> listMessages(
        io.github.fanfarepush.v1.ListMessagesRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListMessagesMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * The latest state of each delivery of a message, with its attempts where they are still known: first those that have
     * ended, then the others. One that ends while the list is read may come twice, as it stood and as it ended. A page may
     * be short, even empty, before the last. Targets of a broadcast that are not planned yet are not listed.
     * OUT_OF_RANGE, reason HISTORY_TRIMMED: only the counts are left.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.fanfarepush.v1.ListDeliveriesResponse> listDeliveries(
        io.github.fanfarepush.v1.ListDeliveriesRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListDeliveriesMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Stops attempts that have not started. What a push service already took cannot be taken back; a message that has
     * ended stays as it is.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.fanfarepush.v1.CancelMessageResponse> cancelMessage(
        io.github.fanfarepush.v1.CancelMessageRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getCancelMessageMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * The applicationServerKey that browsers pass to PushManager.subscribe().
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.fanfarepush.v1.GetVapidPublicKeyResponse> getVapidPublicKey(
        io.github.fanfarepush.v1.GetVapidPublicKeyRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetVapidPublicKeyMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * A token that a page may hold: for a few minutes, Subscribe, Unsubscribe and GetVapidPublicKey for one user.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.fanfarepush.v1.CreateSubscriberTokenResponse> createSubscriberToken(
        io.github.fanfarepush.v1.CreateSubscriberTokenRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getCreateSubscriberTokenMethod(), getCallOptions()), request);
    }
  }

  private static final int METHODID_SUBSCRIBE = 0;
  private static final int METHODID_UNSUBSCRIBE = 1;
  private static final int METHODID_GET_SUBSCRIPTION = 2;
  private static final int METHODID_UPDATE_SUBSCRIPTION = 3;
  private static final int METHODID_LIST_SUBSCRIPTIONS = 4;
  private static final int METHODID_WATCH_SUBSCRIPTIONS = 5;
  private static final int METHODID_SEND = 6;
  private static final int METHODID_BROADCAST = 7;
  private static final int METHODID_WATCH_DELIVERIES = 8;
  private static final int METHODID_GET_MESSAGE = 9;
  private static final int METHODID_LIST_MESSAGES = 10;
  private static final int METHODID_LIST_DELIVERIES = 11;
  private static final int METHODID_CANCEL_MESSAGE = 12;
  private static final int METHODID_GET_VAPID_PUBLIC_KEY = 13;
  private static final int METHODID_CREATE_SUBSCRIBER_TOKEN = 14;
  private static final int METHODID_IMPORT_SUBSCRIPTIONS = 15;
  private static final int METHODID_SEND_STREAM = 16;

  private static final class MethodHandlers<Req, Resp> implements
      io.grpc.stub.ServerCalls.UnaryMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.ServerStreamingMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.ClientStreamingMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.BidiStreamingMethod<Req, Resp> {
    private final AsyncService serviceImpl;
    private final int methodId;

    MethodHandlers(AsyncService serviceImpl, int methodId) {
      this.serviceImpl = serviceImpl;
      this.methodId = methodId;
    }

    @java.lang.Override
    @java.lang.SuppressWarnings("unchecked")
    public void invoke(Req request, io.grpc.stub.StreamObserver<Resp> responseObserver) {
      switch (methodId) {
        case METHODID_SUBSCRIBE:
          serviceImpl.subscribe((io.github.fanfarepush.v1.SubscribeRequest) request,
              (io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.SubscribeResponse>) responseObserver);
          break;
        case METHODID_UNSUBSCRIBE:
          serviceImpl.unsubscribe((io.github.fanfarepush.v1.UnsubscribeRequest) request,
              (io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.UnsubscribeResponse>) responseObserver);
          break;
        case METHODID_GET_SUBSCRIPTION:
          serviceImpl.getSubscription((io.github.fanfarepush.v1.GetSubscriptionRequest) request,
              (io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.GetSubscriptionResponse>) responseObserver);
          break;
        case METHODID_UPDATE_SUBSCRIPTION:
          serviceImpl.updateSubscription((io.github.fanfarepush.v1.UpdateSubscriptionRequest) request,
              (io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.UpdateSubscriptionResponse>) responseObserver);
          break;
        case METHODID_LIST_SUBSCRIPTIONS:
          serviceImpl.listSubscriptions((io.github.fanfarepush.v1.ListSubscriptionsRequest) request,
              (io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.ListSubscriptionsResponse>) responseObserver);
          break;
        case METHODID_WATCH_SUBSCRIPTIONS:
          serviceImpl.watchSubscriptions((io.github.fanfarepush.v1.WatchSubscriptionsRequest) request,
              (io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.WatchSubscriptionsResponse>) responseObserver);
          break;
        case METHODID_SEND:
          serviceImpl.send((io.github.fanfarepush.v1.SendRequest) request,
              (io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.SendResponse>) responseObserver);
          break;
        case METHODID_BROADCAST:
          serviceImpl.broadcast((io.github.fanfarepush.v1.BroadcastRequest) request,
              (io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.BroadcastResponse>) responseObserver);
          break;
        case METHODID_WATCH_DELIVERIES:
          serviceImpl.watchDeliveries((io.github.fanfarepush.v1.WatchDeliveriesRequest) request,
              (io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.WatchDeliveriesResponse>) responseObserver);
          break;
        case METHODID_GET_MESSAGE:
          serviceImpl.getMessage((io.github.fanfarepush.v1.GetMessageRequest) request,
              (io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.GetMessageResponse>) responseObserver);
          break;
        case METHODID_LIST_MESSAGES:
          serviceImpl.listMessages((io.github.fanfarepush.v1.ListMessagesRequest) request,
              (io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.ListMessagesResponse>) responseObserver);
          break;
        case METHODID_LIST_DELIVERIES:
          serviceImpl.listDeliveries((io.github.fanfarepush.v1.ListDeliveriesRequest) request,
              (io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.ListDeliveriesResponse>) responseObserver);
          break;
        case METHODID_CANCEL_MESSAGE:
          serviceImpl.cancelMessage((io.github.fanfarepush.v1.CancelMessageRequest) request,
              (io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.CancelMessageResponse>) responseObserver);
          break;
        case METHODID_GET_VAPID_PUBLIC_KEY:
          serviceImpl.getVapidPublicKey((io.github.fanfarepush.v1.GetVapidPublicKeyRequest) request,
              (io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.GetVapidPublicKeyResponse>) responseObserver);
          break;
        case METHODID_CREATE_SUBSCRIBER_TOKEN:
          serviceImpl.createSubscriberToken((io.github.fanfarepush.v1.CreateSubscriberTokenRequest) request,
              (io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.CreateSubscriberTokenResponse>) responseObserver);
          break;
        default:
          throw new AssertionError();
      }
    }

    @java.lang.Override
    @java.lang.SuppressWarnings("unchecked")
    public io.grpc.stub.StreamObserver<Req> invoke(
        io.grpc.stub.StreamObserver<Resp> responseObserver) {
      switch (methodId) {
        case METHODID_IMPORT_SUBSCRIPTIONS:
          return (io.grpc.stub.StreamObserver<Req>) serviceImpl.importSubscriptions(
              (io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.ImportSubscriptionsResponse>) responseObserver);
        case METHODID_SEND_STREAM:
          return (io.grpc.stub.StreamObserver<Req>) serviceImpl.sendStream(
              (io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.SendStreamResponse>) responseObserver);
        default:
          throw new AssertionError();
      }
    }
  }

  public static final io.grpc.ServerServiceDefinition bindService(AsyncService service) {
    return io.grpc.ServerServiceDefinition.builder(getServiceDescriptor())
        .addMethod(
          getSubscribeMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.fanfarepush.v1.SubscribeRequest,
              io.github.fanfarepush.v1.SubscribeResponse>(
                service, METHODID_SUBSCRIBE)))
        .addMethod(
          getUnsubscribeMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.fanfarepush.v1.UnsubscribeRequest,
              io.github.fanfarepush.v1.UnsubscribeResponse>(
                service, METHODID_UNSUBSCRIBE)))
        .addMethod(
          getGetSubscriptionMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.fanfarepush.v1.GetSubscriptionRequest,
              io.github.fanfarepush.v1.GetSubscriptionResponse>(
                service, METHODID_GET_SUBSCRIPTION)))
        .addMethod(
          getUpdateSubscriptionMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.fanfarepush.v1.UpdateSubscriptionRequest,
              io.github.fanfarepush.v1.UpdateSubscriptionResponse>(
                service, METHODID_UPDATE_SUBSCRIPTION)))
        .addMethod(
          getListSubscriptionsMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.fanfarepush.v1.ListSubscriptionsRequest,
              io.github.fanfarepush.v1.ListSubscriptionsResponse>(
                service, METHODID_LIST_SUBSCRIPTIONS)))
        .addMethod(
          getWatchSubscriptionsMethod(),
          io.grpc.stub.ServerCalls.asyncServerStreamingCall(
            new MethodHandlers<
              io.github.fanfarepush.v1.WatchSubscriptionsRequest,
              io.github.fanfarepush.v1.WatchSubscriptionsResponse>(
                service, METHODID_WATCH_SUBSCRIPTIONS)))
        .addMethod(
          getImportSubscriptionsMethod(),
          io.grpc.stub.ServerCalls.asyncBidiStreamingCall(
            new MethodHandlers<
              io.github.fanfarepush.v1.ImportSubscriptionsRequest,
              io.github.fanfarepush.v1.ImportSubscriptionsResponse>(
                service, METHODID_IMPORT_SUBSCRIPTIONS)))
        .addMethod(
          getSendMethod(),
          io.grpc.stub.ServerCalls.asyncServerStreamingCall(
            new MethodHandlers<
              io.github.fanfarepush.v1.SendRequest,
              io.github.fanfarepush.v1.SendResponse>(
                service, METHODID_SEND)))
        .addMethod(
          getBroadcastMethod(),
          io.grpc.stub.ServerCalls.asyncServerStreamingCall(
            new MethodHandlers<
              io.github.fanfarepush.v1.BroadcastRequest,
              io.github.fanfarepush.v1.BroadcastResponse>(
                service, METHODID_BROADCAST)))
        .addMethod(
          getSendStreamMethod(),
          io.grpc.stub.ServerCalls.asyncBidiStreamingCall(
            new MethodHandlers<
              io.github.fanfarepush.v1.SendStreamRequest,
              io.github.fanfarepush.v1.SendStreamResponse>(
                service, METHODID_SEND_STREAM)))
        .addMethod(
          getWatchDeliveriesMethod(),
          io.grpc.stub.ServerCalls.asyncServerStreamingCall(
            new MethodHandlers<
              io.github.fanfarepush.v1.WatchDeliveriesRequest,
              io.github.fanfarepush.v1.WatchDeliveriesResponse>(
                service, METHODID_WATCH_DELIVERIES)))
        .addMethod(
          getGetMessageMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.fanfarepush.v1.GetMessageRequest,
              io.github.fanfarepush.v1.GetMessageResponse>(
                service, METHODID_GET_MESSAGE)))
        .addMethod(
          getListMessagesMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.fanfarepush.v1.ListMessagesRequest,
              io.github.fanfarepush.v1.ListMessagesResponse>(
                service, METHODID_LIST_MESSAGES)))
        .addMethod(
          getListDeliveriesMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.fanfarepush.v1.ListDeliveriesRequest,
              io.github.fanfarepush.v1.ListDeliveriesResponse>(
                service, METHODID_LIST_DELIVERIES)))
        .addMethod(
          getCancelMessageMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.fanfarepush.v1.CancelMessageRequest,
              io.github.fanfarepush.v1.CancelMessageResponse>(
                service, METHODID_CANCEL_MESSAGE)))
        .addMethod(
          getGetVapidPublicKeyMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.fanfarepush.v1.GetVapidPublicKeyRequest,
              io.github.fanfarepush.v1.GetVapidPublicKeyResponse>(
                service, METHODID_GET_VAPID_PUBLIC_KEY)))
        .addMethod(
          getCreateSubscriberTokenMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.fanfarepush.v1.CreateSubscriberTokenRequest,
              io.github.fanfarepush.v1.CreateSubscriberTokenResponse>(
                service, METHODID_CREATE_SUBSCRIBER_TOKEN)))
        .build();
  }

  private static abstract class PushServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoFileDescriptorSupplier, io.grpc.protobuf.ProtoServiceDescriptorSupplier {
    PushServiceBaseDescriptorSupplier() {}

    @java.lang.Override
    public com.google.protobuf.Descriptors.FileDescriptor getFileDescriptor() {
      return io.github.fanfarepush.v1.Push.getDescriptor();
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.ServiceDescriptor getServiceDescriptor() {
      return getFileDescriptor().findServiceByName("PushService");
    }
  }

  private static final class PushServiceFileDescriptorSupplier
      extends PushServiceBaseDescriptorSupplier {
    PushServiceFileDescriptorSupplier() {}
  }

  private static final class PushServiceMethodDescriptorSupplier
      extends PushServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoMethodDescriptorSupplier {
    private final java.lang.String methodName;

    PushServiceMethodDescriptorSupplier(java.lang.String methodName) {
      this.methodName = methodName;
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.MethodDescriptor getMethodDescriptor() {
      return getServiceDescriptor().findMethodByName(methodName);
    }
  }

  private static volatile io.grpc.ServiceDescriptor serviceDescriptor;

  public static io.grpc.ServiceDescriptor getServiceDescriptor() {
    io.grpc.ServiceDescriptor result = serviceDescriptor;
    if (result == null) {
      synchronized (PushServiceGrpc.class) {
        result = serviceDescriptor;
        if (result == null) {
          serviceDescriptor = result = io.grpc.ServiceDescriptor.newBuilder(SERVICE_NAME)
              .setSchemaDescriptor(new PushServiceFileDescriptorSupplier())
              .addMethod(getSubscribeMethod())
              .addMethod(getUnsubscribeMethod())
              .addMethod(getGetSubscriptionMethod())
              .addMethod(getUpdateSubscriptionMethod())
              .addMethod(getListSubscriptionsMethod())
              .addMethod(getWatchSubscriptionsMethod())
              .addMethod(getImportSubscriptionsMethod())
              .addMethod(getSendMethod())
              .addMethod(getBroadcastMethod())
              .addMethod(getSendStreamMethod())
              .addMethod(getWatchDeliveriesMethod())
              .addMethod(getGetMessageMethod())
              .addMethod(getListMessagesMethod())
              .addMethod(getListDeliveriesMethod())
              .addMethod(getCancelMessageMethod())
              .addMethod(getGetVapidPublicKeyMethod())
              .addMethod(getCreateSubscriberTokenMethod())
              .build();
        }
      }
    }
    return result;
  }
}
