package io.github.fanfarepush.v1;

import static io.grpc.MethodDescriptor.generateFullMethodName;

/**
 * <pre>
 * For those who run Fanfare: applications, VAPID keys, API tokens, the health of push services. What holds for
 * PushService holds here.
 * Role: ADMIN; READER for Get, List and Watch, but not for ListAuditEntries. Credentials of one application reach that
 * application only, and not what is marked "server-wide", which needs credentials of all. Every change is in the audit log. What opens the network
 * (private addresses, other ports than 443, root certificates) is configuration only: no RPC can.
 * </pre>
 */
@io.grpc.stub.annotations.GrpcGenerated
public final class AdminServiceGrpc {

  private AdminServiceGrpc() {}

  public static final java.lang.String SERVICE_NAME = "fanfare.v1.AdminService";

  // Static method descriptors that strictly reflect the proto.
  private static volatile io.grpc.MethodDescriptor<io.github.fanfarepush.v1.CreateApplicationRequest,
      io.github.fanfarepush.v1.CreateApplicationResponse> getCreateApplicationMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "CreateApplication",
      requestType = io.github.fanfarepush.v1.CreateApplicationRequest.class,
      responseType = io.github.fanfarepush.v1.CreateApplicationResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.fanfarepush.v1.CreateApplicationRequest,
      io.github.fanfarepush.v1.CreateApplicationResponse> getCreateApplicationMethod() {
    io.grpc.MethodDescriptor<io.github.fanfarepush.v1.CreateApplicationRequest, io.github.fanfarepush.v1.CreateApplicationResponse> getCreateApplicationMethod;
    if ((getCreateApplicationMethod = AdminServiceGrpc.getCreateApplicationMethod) == null) {
      synchronized (AdminServiceGrpc.class) {
        if ((getCreateApplicationMethod = AdminServiceGrpc.getCreateApplicationMethod) == null) {
          AdminServiceGrpc.getCreateApplicationMethod = getCreateApplicationMethod =
              io.grpc.MethodDescriptor.<io.github.fanfarepush.v1.CreateApplicationRequest, io.github.fanfarepush.v1.CreateApplicationResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "CreateApplication"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.CreateApplicationRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.CreateApplicationResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminServiceMethodDescriptorSupplier("CreateApplication"))
              .build();
        }
      }
    }
    return getCreateApplicationMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.fanfarepush.v1.GetApplicationRequest,
      io.github.fanfarepush.v1.GetApplicationResponse> getGetApplicationMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetApplication",
      requestType = io.github.fanfarepush.v1.GetApplicationRequest.class,
      responseType = io.github.fanfarepush.v1.GetApplicationResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.fanfarepush.v1.GetApplicationRequest,
      io.github.fanfarepush.v1.GetApplicationResponse> getGetApplicationMethod() {
    io.grpc.MethodDescriptor<io.github.fanfarepush.v1.GetApplicationRequest, io.github.fanfarepush.v1.GetApplicationResponse> getGetApplicationMethod;
    if ((getGetApplicationMethod = AdminServiceGrpc.getGetApplicationMethod) == null) {
      synchronized (AdminServiceGrpc.class) {
        if ((getGetApplicationMethod = AdminServiceGrpc.getGetApplicationMethod) == null) {
          AdminServiceGrpc.getGetApplicationMethod = getGetApplicationMethod =
              io.grpc.MethodDescriptor.<io.github.fanfarepush.v1.GetApplicationRequest, io.github.fanfarepush.v1.GetApplicationResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetApplication"))
              .setSafe(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.GetApplicationRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.GetApplicationResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminServiceMethodDescriptorSupplier("GetApplication"))
              .build();
        }
      }
    }
    return getGetApplicationMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.fanfarepush.v1.ListApplicationsRequest,
      io.github.fanfarepush.v1.ListApplicationsResponse> getListApplicationsMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListApplications",
      requestType = io.github.fanfarepush.v1.ListApplicationsRequest.class,
      responseType = io.github.fanfarepush.v1.ListApplicationsResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.fanfarepush.v1.ListApplicationsRequest,
      io.github.fanfarepush.v1.ListApplicationsResponse> getListApplicationsMethod() {
    io.grpc.MethodDescriptor<io.github.fanfarepush.v1.ListApplicationsRequest, io.github.fanfarepush.v1.ListApplicationsResponse> getListApplicationsMethod;
    if ((getListApplicationsMethod = AdminServiceGrpc.getListApplicationsMethod) == null) {
      synchronized (AdminServiceGrpc.class) {
        if ((getListApplicationsMethod = AdminServiceGrpc.getListApplicationsMethod) == null) {
          AdminServiceGrpc.getListApplicationsMethod = getListApplicationsMethod =
              io.grpc.MethodDescriptor.<io.github.fanfarepush.v1.ListApplicationsRequest, io.github.fanfarepush.v1.ListApplicationsResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListApplications"))
              .setSafe(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.ListApplicationsRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.ListApplicationsResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminServiceMethodDescriptorSupplier("ListApplications"))
              .build();
        }
      }
    }
    return getListApplicationsMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.fanfarepush.v1.UpdateApplicationRequest,
      io.github.fanfarepush.v1.UpdateApplicationResponse> getUpdateApplicationMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "UpdateApplication",
      requestType = io.github.fanfarepush.v1.UpdateApplicationRequest.class,
      responseType = io.github.fanfarepush.v1.UpdateApplicationResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.fanfarepush.v1.UpdateApplicationRequest,
      io.github.fanfarepush.v1.UpdateApplicationResponse> getUpdateApplicationMethod() {
    io.grpc.MethodDescriptor<io.github.fanfarepush.v1.UpdateApplicationRequest, io.github.fanfarepush.v1.UpdateApplicationResponse> getUpdateApplicationMethod;
    if ((getUpdateApplicationMethod = AdminServiceGrpc.getUpdateApplicationMethod) == null) {
      synchronized (AdminServiceGrpc.class) {
        if ((getUpdateApplicationMethod = AdminServiceGrpc.getUpdateApplicationMethod) == null) {
          AdminServiceGrpc.getUpdateApplicationMethod = getUpdateApplicationMethod =
              io.grpc.MethodDescriptor.<io.github.fanfarepush.v1.UpdateApplicationRequest, io.github.fanfarepush.v1.UpdateApplicationResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "UpdateApplication"))
              .setIdempotent(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.UpdateApplicationRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.UpdateApplicationResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminServiceMethodDescriptorSupplier("UpdateApplication"))
              .build();
        }
      }
    }
    return getUpdateApplicationMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.fanfarepush.v1.DeleteApplicationRequest,
      io.github.fanfarepush.v1.DeleteApplicationResponse> getDeleteApplicationMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "DeleteApplication",
      requestType = io.github.fanfarepush.v1.DeleteApplicationRequest.class,
      responseType = io.github.fanfarepush.v1.DeleteApplicationResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.fanfarepush.v1.DeleteApplicationRequest,
      io.github.fanfarepush.v1.DeleteApplicationResponse> getDeleteApplicationMethod() {
    io.grpc.MethodDescriptor<io.github.fanfarepush.v1.DeleteApplicationRequest, io.github.fanfarepush.v1.DeleteApplicationResponse> getDeleteApplicationMethod;
    if ((getDeleteApplicationMethod = AdminServiceGrpc.getDeleteApplicationMethod) == null) {
      synchronized (AdminServiceGrpc.class) {
        if ((getDeleteApplicationMethod = AdminServiceGrpc.getDeleteApplicationMethod) == null) {
          AdminServiceGrpc.getDeleteApplicationMethod = getDeleteApplicationMethod =
              io.grpc.MethodDescriptor.<io.github.fanfarepush.v1.DeleteApplicationRequest, io.github.fanfarepush.v1.DeleteApplicationResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "DeleteApplication"))
              .setIdempotent(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.DeleteApplicationRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.DeleteApplicationResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminServiceMethodDescriptorSupplier("DeleteApplication"))
              .build();
        }
      }
    }
    return getDeleteApplicationMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.fanfarepush.v1.CreateVapidKeyRequest,
      io.github.fanfarepush.v1.CreateVapidKeyResponse> getCreateVapidKeyMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "CreateVapidKey",
      requestType = io.github.fanfarepush.v1.CreateVapidKeyRequest.class,
      responseType = io.github.fanfarepush.v1.CreateVapidKeyResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.fanfarepush.v1.CreateVapidKeyRequest,
      io.github.fanfarepush.v1.CreateVapidKeyResponse> getCreateVapidKeyMethod() {
    io.grpc.MethodDescriptor<io.github.fanfarepush.v1.CreateVapidKeyRequest, io.github.fanfarepush.v1.CreateVapidKeyResponse> getCreateVapidKeyMethod;
    if ((getCreateVapidKeyMethod = AdminServiceGrpc.getCreateVapidKeyMethod) == null) {
      synchronized (AdminServiceGrpc.class) {
        if ((getCreateVapidKeyMethod = AdminServiceGrpc.getCreateVapidKeyMethod) == null) {
          AdminServiceGrpc.getCreateVapidKeyMethod = getCreateVapidKeyMethod =
              io.grpc.MethodDescriptor.<io.github.fanfarepush.v1.CreateVapidKeyRequest, io.github.fanfarepush.v1.CreateVapidKeyResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "CreateVapidKey"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.CreateVapidKeyRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.CreateVapidKeyResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminServiceMethodDescriptorSupplier("CreateVapidKey"))
              .build();
        }
      }
    }
    return getCreateVapidKeyMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.fanfarepush.v1.ListVapidKeysRequest,
      io.github.fanfarepush.v1.ListVapidKeysResponse> getListVapidKeysMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListVapidKeys",
      requestType = io.github.fanfarepush.v1.ListVapidKeysRequest.class,
      responseType = io.github.fanfarepush.v1.ListVapidKeysResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.fanfarepush.v1.ListVapidKeysRequest,
      io.github.fanfarepush.v1.ListVapidKeysResponse> getListVapidKeysMethod() {
    io.grpc.MethodDescriptor<io.github.fanfarepush.v1.ListVapidKeysRequest, io.github.fanfarepush.v1.ListVapidKeysResponse> getListVapidKeysMethod;
    if ((getListVapidKeysMethod = AdminServiceGrpc.getListVapidKeysMethod) == null) {
      synchronized (AdminServiceGrpc.class) {
        if ((getListVapidKeysMethod = AdminServiceGrpc.getListVapidKeysMethod) == null) {
          AdminServiceGrpc.getListVapidKeysMethod = getListVapidKeysMethod =
              io.grpc.MethodDescriptor.<io.github.fanfarepush.v1.ListVapidKeysRequest, io.github.fanfarepush.v1.ListVapidKeysResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListVapidKeys"))
              .setSafe(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.ListVapidKeysRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.ListVapidKeysResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminServiceMethodDescriptorSupplier("ListVapidKeys"))
              .build();
        }
      }
    }
    return getListVapidKeysMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.fanfarepush.v1.SetCurrentVapidKeyRequest,
      io.github.fanfarepush.v1.SetCurrentVapidKeyResponse> getSetCurrentVapidKeyMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "SetCurrentVapidKey",
      requestType = io.github.fanfarepush.v1.SetCurrentVapidKeyRequest.class,
      responseType = io.github.fanfarepush.v1.SetCurrentVapidKeyResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.fanfarepush.v1.SetCurrentVapidKeyRequest,
      io.github.fanfarepush.v1.SetCurrentVapidKeyResponse> getSetCurrentVapidKeyMethod() {
    io.grpc.MethodDescriptor<io.github.fanfarepush.v1.SetCurrentVapidKeyRequest, io.github.fanfarepush.v1.SetCurrentVapidKeyResponse> getSetCurrentVapidKeyMethod;
    if ((getSetCurrentVapidKeyMethod = AdminServiceGrpc.getSetCurrentVapidKeyMethod) == null) {
      synchronized (AdminServiceGrpc.class) {
        if ((getSetCurrentVapidKeyMethod = AdminServiceGrpc.getSetCurrentVapidKeyMethod) == null) {
          AdminServiceGrpc.getSetCurrentVapidKeyMethod = getSetCurrentVapidKeyMethod =
              io.grpc.MethodDescriptor.<io.github.fanfarepush.v1.SetCurrentVapidKeyRequest, io.github.fanfarepush.v1.SetCurrentVapidKeyResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "SetCurrentVapidKey"))
              .setIdempotent(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.SetCurrentVapidKeyRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.SetCurrentVapidKeyResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminServiceMethodDescriptorSupplier("SetCurrentVapidKey"))
              .build();
        }
      }
    }
    return getSetCurrentVapidKeyMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.fanfarepush.v1.RetireVapidKeyRequest,
      io.github.fanfarepush.v1.RetireVapidKeyResponse> getRetireVapidKeyMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "RetireVapidKey",
      requestType = io.github.fanfarepush.v1.RetireVapidKeyRequest.class,
      responseType = io.github.fanfarepush.v1.RetireVapidKeyResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.fanfarepush.v1.RetireVapidKeyRequest,
      io.github.fanfarepush.v1.RetireVapidKeyResponse> getRetireVapidKeyMethod() {
    io.grpc.MethodDescriptor<io.github.fanfarepush.v1.RetireVapidKeyRequest, io.github.fanfarepush.v1.RetireVapidKeyResponse> getRetireVapidKeyMethod;
    if ((getRetireVapidKeyMethod = AdminServiceGrpc.getRetireVapidKeyMethod) == null) {
      synchronized (AdminServiceGrpc.class) {
        if ((getRetireVapidKeyMethod = AdminServiceGrpc.getRetireVapidKeyMethod) == null) {
          AdminServiceGrpc.getRetireVapidKeyMethod = getRetireVapidKeyMethod =
              io.grpc.MethodDescriptor.<io.github.fanfarepush.v1.RetireVapidKeyRequest, io.github.fanfarepush.v1.RetireVapidKeyResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "RetireVapidKey"))
              .setIdempotent(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.RetireVapidKeyRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.RetireVapidKeyResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminServiceMethodDescriptorSupplier("RetireVapidKey"))
              .build();
        }
      }
    }
    return getRetireVapidKeyMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.fanfarepush.v1.CreateApiTokenRequest,
      io.github.fanfarepush.v1.CreateApiTokenResponse> getCreateApiTokenMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "CreateApiToken",
      requestType = io.github.fanfarepush.v1.CreateApiTokenRequest.class,
      responseType = io.github.fanfarepush.v1.CreateApiTokenResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.fanfarepush.v1.CreateApiTokenRequest,
      io.github.fanfarepush.v1.CreateApiTokenResponse> getCreateApiTokenMethod() {
    io.grpc.MethodDescriptor<io.github.fanfarepush.v1.CreateApiTokenRequest, io.github.fanfarepush.v1.CreateApiTokenResponse> getCreateApiTokenMethod;
    if ((getCreateApiTokenMethod = AdminServiceGrpc.getCreateApiTokenMethod) == null) {
      synchronized (AdminServiceGrpc.class) {
        if ((getCreateApiTokenMethod = AdminServiceGrpc.getCreateApiTokenMethod) == null) {
          AdminServiceGrpc.getCreateApiTokenMethod = getCreateApiTokenMethod =
              io.grpc.MethodDescriptor.<io.github.fanfarepush.v1.CreateApiTokenRequest, io.github.fanfarepush.v1.CreateApiTokenResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "CreateApiToken"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.CreateApiTokenRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.CreateApiTokenResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminServiceMethodDescriptorSupplier("CreateApiToken"))
              .build();
        }
      }
    }
    return getCreateApiTokenMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.fanfarepush.v1.ListApiTokensRequest,
      io.github.fanfarepush.v1.ListApiTokensResponse> getListApiTokensMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListApiTokens",
      requestType = io.github.fanfarepush.v1.ListApiTokensRequest.class,
      responseType = io.github.fanfarepush.v1.ListApiTokensResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.fanfarepush.v1.ListApiTokensRequest,
      io.github.fanfarepush.v1.ListApiTokensResponse> getListApiTokensMethod() {
    io.grpc.MethodDescriptor<io.github.fanfarepush.v1.ListApiTokensRequest, io.github.fanfarepush.v1.ListApiTokensResponse> getListApiTokensMethod;
    if ((getListApiTokensMethod = AdminServiceGrpc.getListApiTokensMethod) == null) {
      synchronized (AdminServiceGrpc.class) {
        if ((getListApiTokensMethod = AdminServiceGrpc.getListApiTokensMethod) == null) {
          AdminServiceGrpc.getListApiTokensMethod = getListApiTokensMethod =
              io.grpc.MethodDescriptor.<io.github.fanfarepush.v1.ListApiTokensRequest, io.github.fanfarepush.v1.ListApiTokensResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListApiTokens"))
              .setSafe(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.ListApiTokensRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.ListApiTokensResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminServiceMethodDescriptorSupplier("ListApiTokens"))
              .build();
        }
      }
    }
    return getListApiTokensMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.fanfarepush.v1.RevokeApiTokenRequest,
      io.github.fanfarepush.v1.RevokeApiTokenResponse> getRevokeApiTokenMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "RevokeApiToken",
      requestType = io.github.fanfarepush.v1.RevokeApiTokenRequest.class,
      responseType = io.github.fanfarepush.v1.RevokeApiTokenResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.fanfarepush.v1.RevokeApiTokenRequest,
      io.github.fanfarepush.v1.RevokeApiTokenResponse> getRevokeApiTokenMethod() {
    io.grpc.MethodDescriptor<io.github.fanfarepush.v1.RevokeApiTokenRequest, io.github.fanfarepush.v1.RevokeApiTokenResponse> getRevokeApiTokenMethod;
    if ((getRevokeApiTokenMethod = AdminServiceGrpc.getRevokeApiTokenMethod) == null) {
      synchronized (AdminServiceGrpc.class) {
        if ((getRevokeApiTokenMethod = AdminServiceGrpc.getRevokeApiTokenMethod) == null) {
          AdminServiceGrpc.getRevokeApiTokenMethod = getRevokeApiTokenMethod =
              io.grpc.MethodDescriptor.<io.github.fanfarepush.v1.RevokeApiTokenRequest, io.github.fanfarepush.v1.RevokeApiTokenResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "RevokeApiToken"))
              .setIdempotent(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.RevokeApiTokenRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.RevokeApiTokenResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminServiceMethodDescriptorSupplier("RevokeApiToken"))
              .build();
        }
      }
    }
    return getRevokeApiTokenMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.fanfarepush.v1.ListOriginsRequest,
      io.github.fanfarepush.v1.ListOriginsResponse> getListOriginsMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListOrigins",
      requestType = io.github.fanfarepush.v1.ListOriginsRequest.class,
      responseType = io.github.fanfarepush.v1.ListOriginsResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.fanfarepush.v1.ListOriginsRequest,
      io.github.fanfarepush.v1.ListOriginsResponse> getListOriginsMethod() {
    io.grpc.MethodDescriptor<io.github.fanfarepush.v1.ListOriginsRequest, io.github.fanfarepush.v1.ListOriginsResponse> getListOriginsMethod;
    if ((getListOriginsMethod = AdminServiceGrpc.getListOriginsMethod) == null) {
      synchronized (AdminServiceGrpc.class) {
        if ((getListOriginsMethod = AdminServiceGrpc.getListOriginsMethod) == null) {
          AdminServiceGrpc.getListOriginsMethod = getListOriginsMethod =
              io.grpc.MethodDescriptor.<io.github.fanfarepush.v1.ListOriginsRequest, io.github.fanfarepush.v1.ListOriginsResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListOrigins"))
              .setSafe(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.ListOriginsRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.ListOriginsResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminServiceMethodDescriptorSupplier("ListOrigins"))
              .build();
        }
      }
    }
    return getListOriginsMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.fanfarepush.v1.WatchOriginsRequest,
      io.github.fanfarepush.v1.WatchOriginsResponse> getWatchOriginsMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "WatchOrigins",
      requestType = io.github.fanfarepush.v1.WatchOriginsRequest.class,
      responseType = io.github.fanfarepush.v1.WatchOriginsResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
  public static io.grpc.MethodDescriptor<io.github.fanfarepush.v1.WatchOriginsRequest,
      io.github.fanfarepush.v1.WatchOriginsResponse> getWatchOriginsMethod() {
    io.grpc.MethodDescriptor<io.github.fanfarepush.v1.WatchOriginsRequest, io.github.fanfarepush.v1.WatchOriginsResponse> getWatchOriginsMethod;
    if ((getWatchOriginsMethod = AdminServiceGrpc.getWatchOriginsMethod) == null) {
      synchronized (AdminServiceGrpc.class) {
        if ((getWatchOriginsMethod = AdminServiceGrpc.getWatchOriginsMethod) == null) {
          AdminServiceGrpc.getWatchOriginsMethod = getWatchOriginsMethod =
              io.grpc.MethodDescriptor.<io.github.fanfarepush.v1.WatchOriginsRequest, io.github.fanfarepush.v1.WatchOriginsResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "WatchOrigins"))
              .setSafe(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.WatchOriginsRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.WatchOriginsResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminServiceMethodDescriptorSupplier("WatchOrigins"))
              .build();
        }
      }
    }
    return getWatchOriginsMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.fanfarepush.v1.ResumeOriginRequest,
      io.github.fanfarepush.v1.ResumeOriginResponse> getResumeOriginMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ResumeOrigin",
      requestType = io.github.fanfarepush.v1.ResumeOriginRequest.class,
      responseType = io.github.fanfarepush.v1.ResumeOriginResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.fanfarepush.v1.ResumeOriginRequest,
      io.github.fanfarepush.v1.ResumeOriginResponse> getResumeOriginMethod() {
    io.grpc.MethodDescriptor<io.github.fanfarepush.v1.ResumeOriginRequest, io.github.fanfarepush.v1.ResumeOriginResponse> getResumeOriginMethod;
    if ((getResumeOriginMethod = AdminServiceGrpc.getResumeOriginMethod) == null) {
      synchronized (AdminServiceGrpc.class) {
        if ((getResumeOriginMethod = AdminServiceGrpc.getResumeOriginMethod) == null) {
          AdminServiceGrpc.getResumeOriginMethod = getResumeOriginMethod =
              io.grpc.MethodDescriptor.<io.github.fanfarepush.v1.ResumeOriginRequest, io.github.fanfarepush.v1.ResumeOriginResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ResumeOrigin"))
              .setIdempotent(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.ResumeOriginRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.ResumeOriginResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminServiceMethodDescriptorSupplier("ResumeOrigin"))
              .build();
        }
      }
    }
    return getResumeOriginMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.fanfarepush.v1.ReleaseHeldSubscriptionsRequest,
      io.github.fanfarepush.v1.ReleaseHeldSubscriptionsResponse> getReleaseHeldSubscriptionsMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ReleaseHeldSubscriptions",
      requestType = io.github.fanfarepush.v1.ReleaseHeldSubscriptionsRequest.class,
      responseType = io.github.fanfarepush.v1.ReleaseHeldSubscriptionsResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.fanfarepush.v1.ReleaseHeldSubscriptionsRequest,
      io.github.fanfarepush.v1.ReleaseHeldSubscriptionsResponse> getReleaseHeldSubscriptionsMethod() {
    io.grpc.MethodDescriptor<io.github.fanfarepush.v1.ReleaseHeldSubscriptionsRequest, io.github.fanfarepush.v1.ReleaseHeldSubscriptionsResponse> getReleaseHeldSubscriptionsMethod;
    if ((getReleaseHeldSubscriptionsMethod = AdminServiceGrpc.getReleaseHeldSubscriptionsMethod) == null) {
      synchronized (AdminServiceGrpc.class) {
        if ((getReleaseHeldSubscriptionsMethod = AdminServiceGrpc.getReleaseHeldSubscriptionsMethod) == null) {
          AdminServiceGrpc.getReleaseHeldSubscriptionsMethod = getReleaseHeldSubscriptionsMethod =
              io.grpc.MethodDescriptor.<io.github.fanfarepush.v1.ReleaseHeldSubscriptionsRequest, io.github.fanfarepush.v1.ReleaseHeldSubscriptionsResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ReleaseHeldSubscriptions"))
              .setIdempotent(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.ReleaseHeldSubscriptionsRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.ReleaseHeldSubscriptionsResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminServiceMethodDescriptorSupplier("ReleaseHeldSubscriptions"))
              .build();
        }
      }
    }
    return getReleaseHeldSubscriptionsMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.fanfarepush.v1.DiscardHeldSubscriptionsRequest,
      io.github.fanfarepush.v1.DiscardHeldSubscriptionsResponse> getDiscardHeldSubscriptionsMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "DiscardHeldSubscriptions",
      requestType = io.github.fanfarepush.v1.DiscardHeldSubscriptionsRequest.class,
      responseType = io.github.fanfarepush.v1.DiscardHeldSubscriptionsResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.fanfarepush.v1.DiscardHeldSubscriptionsRequest,
      io.github.fanfarepush.v1.DiscardHeldSubscriptionsResponse> getDiscardHeldSubscriptionsMethod() {
    io.grpc.MethodDescriptor<io.github.fanfarepush.v1.DiscardHeldSubscriptionsRequest, io.github.fanfarepush.v1.DiscardHeldSubscriptionsResponse> getDiscardHeldSubscriptionsMethod;
    if ((getDiscardHeldSubscriptionsMethod = AdminServiceGrpc.getDiscardHeldSubscriptionsMethod) == null) {
      synchronized (AdminServiceGrpc.class) {
        if ((getDiscardHeldSubscriptionsMethod = AdminServiceGrpc.getDiscardHeldSubscriptionsMethod) == null) {
          AdminServiceGrpc.getDiscardHeldSubscriptionsMethod = getDiscardHeldSubscriptionsMethod =
              io.grpc.MethodDescriptor.<io.github.fanfarepush.v1.DiscardHeldSubscriptionsRequest, io.github.fanfarepush.v1.DiscardHeldSubscriptionsResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "DiscardHeldSubscriptions"))
              .setIdempotent(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.DiscardHeldSubscriptionsRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.DiscardHeldSubscriptionsResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminServiceMethodDescriptorSupplier("DiscardHeldSubscriptions"))
              .build();
        }
      }
    }
    return getDiscardHeldSubscriptionsMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.fanfarepush.v1.RestoreSubscriptionsRequest,
      io.github.fanfarepush.v1.RestoreSubscriptionsResponse> getRestoreSubscriptionsMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "RestoreSubscriptions",
      requestType = io.github.fanfarepush.v1.RestoreSubscriptionsRequest.class,
      responseType = io.github.fanfarepush.v1.RestoreSubscriptionsResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.fanfarepush.v1.RestoreSubscriptionsRequest,
      io.github.fanfarepush.v1.RestoreSubscriptionsResponse> getRestoreSubscriptionsMethod() {
    io.grpc.MethodDescriptor<io.github.fanfarepush.v1.RestoreSubscriptionsRequest, io.github.fanfarepush.v1.RestoreSubscriptionsResponse> getRestoreSubscriptionsMethod;
    if ((getRestoreSubscriptionsMethod = AdminServiceGrpc.getRestoreSubscriptionsMethod) == null) {
      synchronized (AdminServiceGrpc.class) {
        if ((getRestoreSubscriptionsMethod = AdminServiceGrpc.getRestoreSubscriptionsMethod) == null) {
          AdminServiceGrpc.getRestoreSubscriptionsMethod = getRestoreSubscriptionsMethod =
              io.grpc.MethodDescriptor.<io.github.fanfarepush.v1.RestoreSubscriptionsRequest, io.github.fanfarepush.v1.RestoreSubscriptionsResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "RestoreSubscriptions"))
              .setIdempotent(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.RestoreSubscriptionsRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.RestoreSubscriptionsResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminServiceMethodDescriptorSupplier("RestoreSubscriptions"))
              .build();
        }
      }
    }
    return getRestoreSubscriptionsMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.fanfarepush.v1.EnableSubscriptionsRequest,
      io.github.fanfarepush.v1.EnableSubscriptionsResponse> getEnableSubscriptionsMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "EnableSubscriptions",
      requestType = io.github.fanfarepush.v1.EnableSubscriptionsRequest.class,
      responseType = io.github.fanfarepush.v1.EnableSubscriptionsResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.fanfarepush.v1.EnableSubscriptionsRequest,
      io.github.fanfarepush.v1.EnableSubscriptionsResponse> getEnableSubscriptionsMethod() {
    io.grpc.MethodDescriptor<io.github.fanfarepush.v1.EnableSubscriptionsRequest, io.github.fanfarepush.v1.EnableSubscriptionsResponse> getEnableSubscriptionsMethod;
    if ((getEnableSubscriptionsMethod = AdminServiceGrpc.getEnableSubscriptionsMethod) == null) {
      synchronized (AdminServiceGrpc.class) {
        if ((getEnableSubscriptionsMethod = AdminServiceGrpc.getEnableSubscriptionsMethod) == null) {
          AdminServiceGrpc.getEnableSubscriptionsMethod = getEnableSubscriptionsMethod =
              io.grpc.MethodDescriptor.<io.github.fanfarepush.v1.EnableSubscriptionsRequest, io.github.fanfarepush.v1.EnableSubscriptionsResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "EnableSubscriptions"))
              .setIdempotent(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.EnableSubscriptionsRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.EnableSubscriptionsResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminServiceMethodDescriptorSupplier("EnableSubscriptions"))
              .build();
        }
      }
    }
    return getEnableSubscriptionsMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.fanfarepush.v1.ListAuditEntriesRequest,
      io.github.fanfarepush.v1.ListAuditEntriesResponse> getListAuditEntriesMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListAuditEntries",
      requestType = io.github.fanfarepush.v1.ListAuditEntriesRequest.class,
      responseType = io.github.fanfarepush.v1.ListAuditEntriesResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.fanfarepush.v1.ListAuditEntriesRequest,
      io.github.fanfarepush.v1.ListAuditEntriesResponse> getListAuditEntriesMethod() {
    io.grpc.MethodDescriptor<io.github.fanfarepush.v1.ListAuditEntriesRequest, io.github.fanfarepush.v1.ListAuditEntriesResponse> getListAuditEntriesMethod;
    if ((getListAuditEntriesMethod = AdminServiceGrpc.getListAuditEntriesMethod) == null) {
      synchronized (AdminServiceGrpc.class) {
        if ((getListAuditEntriesMethod = AdminServiceGrpc.getListAuditEntriesMethod) == null) {
          AdminServiceGrpc.getListAuditEntriesMethod = getListAuditEntriesMethod =
              io.grpc.MethodDescriptor.<io.github.fanfarepush.v1.ListAuditEntriesRequest, io.github.fanfarepush.v1.ListAuditEntriesResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListAuditEntries"))
              .setSafe(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.ListAuditEntriesRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.ListAuditEntriesResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminServiceMethodDescriptorSupplier("ListAuditEntries"))
              .build();
        }
      }
    }
    return getListAuditEntriesMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.fanfarepush.v1.BackupRequest,
      io.github.fanfarepush.v1.BackupResponse> getBackupMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Backup",
      requestType = io.github.fanfarepush.v1.BackupRequest.class,
      responseType = io.github.fanfarepush.v1.BackupResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
  public static io.grpc.MethodDescriptor<io.github.fanfarepush.v1.BackupRequest,
      io.github.fanfarepush.v1.BackupResponse> getBackupMethod() {
    io.grpc.MethodDescriptor<io.github.fanfarepush.v1.BackupRequest, io.github.fanfarepush.v1.BackupResponse> getBackupMethod;
    if ((getBackupMethod = AdminServiceGrpc.getBackupMethod) == null) {
      synchronized (AdminServiceGrpc.class) {
        if ((getBackupMethod = AdminServiceGrpc.getBackupMethod) == null) {
          AdminServiceGrpc.getBackupMethod = getBackupMethod =
              io.grpc.MethodDescriptor.<io.github.fanfarepush.v1.BackupRequest, io.github.fanfarepush.v1.BackupResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Backup"))
              .setSafe(true)
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.BackupRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.fanfarepush.v1.BackupResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminServiceMethodDescriptorSupplier("Backup"))
              .build();
        }
      }
    }
    return getBackupMethod;
  }

  /**
   * Creates a new async stub that supports all call types for the service
   */
  public static AdminServiceStub newStub(io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<AdminServiceStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<AdminServiceStub>() {
        @java.lang.Override
        public AdminServiceStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new AdminServiceStub(channel, callOptions);
        }
      };
    return AdminServiceStub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports all types of calls on the service
   */
  public static AdminServiceBlockingV2Stub newBlockingV2Stub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<AdminServiceBlockingV2Stub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<AdminServiceBlockingV2Stub>() {
        @java.lang.Override
        public AdminServiceBlockingV2Stub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new AdminServiceBlockingV2Stub(channel, callOptions);
        }
      };
    return AdminServiceBlockingV2Stub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports unary and streaming output calls on the service
   */
  public static AdminServiceBlockingStub newBlockingStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<AdminServiceBlockingStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<AdminServiceBlockingStub>() {
        @java.lang.Override
        public AdminServiceBlockingStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new AdminServiceBlockingStub(channel, callOptions);
        }
      };
    return AdminServiceBlockingStub.newStub(factory, channel);
  }

  /**
   * Creates a new ListenableFuture-style stub that supports unary calls on the service
   */
  public static AdminServiceFutureStub newFutureStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<AdminServiceFutureStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<AdminServiceFutureStub>() {
        @java.lang.Override
        public AdminServiceFutureStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new AdminServiceFutureStub(channel, callOptions);
        }
      };
    return AdminServiceFutureStub.newStub(factory, channel);
  }

  /**
   * <pre>
   * For those who run Fanfare: applications, VAPID keys, API tokens, the health of push services. What holds for
   * PushService holds here.
   * Role: ADMIN; READER for Get, List and Watch, but not for ListAuditEntries. Credentials of one application reach that
   * application only, and not what is marked "server-wide", which needs credentials of all. Every change is in the audit log. What opens the network
   * (private addresses, other ports than 443, root certificates) is configuration only: no RPC can.
   * </pre>
   */
  public interface AsyncService {

    /**
     * <pre>
     * Creates an application, with a VAPID key of its own. Server-wide. ALREADY_EXISTS.
     * </pre>
     */
    default void createApplication(io.github.fanfarepush.v1.CreateApplicationRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.CreateApplicationResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getCreateApplicationMethod(), responseObserver);
    }

    /**
     */
    default void getApplication(io.github.fanfarepush.v1.GetApplicationRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.GetApplicationResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetApplicationMethod(), responseObserver);
    }

    /**
     * <pre>
     * Those that the caller may see, in the order of their ids.
     * </pre>
     */
    default void listApplications(io.github.fanfarepush.v1.ListApplicationsRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.ListApplicationsResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListApplicationsMethod(), responseObserver);
    }

    /**
     * <pre>
     * ABORTED: etag does not match.
     * </pre>
     */
    default void updateApplication(io.github.fanfarepush.v1.UpdateApplicationRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.UpdateApplicationResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getUpdateApplicationMethod(), responseObserver);
    }

    /**
     * <pre>
     * Ends it at once (NOT_FOUND from here on, and so do its streams) and clears its data away behind. Server-wide; not for
     * "default".
     * FAILED_PRECONDITION, reason STILL_IN_USE, unless force.
     * </pre>
     */
    default void deleteApplication(io.github.fanfarepush.v1.DeleteApplicationRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.DeleteApplicationResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getDeleteApplicationMethod(), responseObserver);
    }

    /**
     * <pre>
     * Rotation: create a key, make it current, watch subscription_count of the old one fall as browsers subscribe anew,
     * retire it. A subscription is always signed for with the key it was made with.
     * </pre>
     */
    default void createVapidKey(io.github.fanfarepush.v1.CreateVapidKeyRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.CreateVapidKeyResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getCreateVapidKeyMethod(), responseObserver);
    }

    /**
     * <pre>
     * The current key first, then newest first.
     * </pre>
     */
    default void listVapidKeys(io.github.fanfarepush.v1.ListVapidKeysRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.ListVapidKeysResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListVapidKeysMethod(), responseObserver);
    }

    /**
     * <pre>
     * Makes it the one that GetVapidPublicKey gives to browsers; also back to an older one. Not a retired one.
     * </pre>
     */
    default void setCurrentVapidKey(io.github.fanfarepush.v1.SetCurrentVapidKeyRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.SetCurrentVapidKeyResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getSetCurrentVapidKeyMethod(), responseObserver);
    }

    /**
     * <pre>
     * Destroys its private half; not that of the current key. FAILED_PRECONDITION, reason STILL_IN_USE: subscriptions
     * were made with it; with force they are disabled, OUTCOME_KEY_MISMATCH.
     * </pre>
     */
    default void retireVapidKey(io.github.fanfarepush.v1.RetireVapidKeyRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.RetireVapidKeyResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getRetireVapidKeyMethod(), responseObserver);
    }

    /**
     * <pre>
     * Creates a token for a service or person. (For pages: PushService.CreateSubscriberToken.) With the first one callers
     * need credentials from then on.
     * </pre>
     */
    default void createApiToken(io.github.fanfarepush.v1.CreateApiTokenRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.CreateApiTokenResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getCreateApiTokenMethod(), responseObserver);
    }

    /**
     * <pre>
     * Newest first; expired ones too, for 30 days.
     * </pre>
     */
    default void listApiTokens(io.github.fanfarepush.v1.ListApiTokensRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.ListApiTokensResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListApiTokensMethod(), responseObserver);
    }

    /**
     * <pre>
     * Ends it at once, with the streams that it opened. NOT_FOUND unless allow_missing.
     * </pre>
     */
    default void revokeApiToken(io.github.fanfarepush.v1.RevokeApiTokenRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.RevokeApiTokenResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getRevokeApiTokenMethod(), responseObserver);
    }

    /**
     * <pre>
     * Live health of the push services that this server talks to: one entry an origin, busiest first. Server-wide. An
     * origin whose place changes while the list is read may come twice or not at all.
     * </pre>
     */
    default void listOrigins(io.github.fanfarepush.v1.ListOriginsRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.ListOriginsResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListOriginsMethod(), responseObserver);
    }

    /**
     * <pre>
     * All origins at once, then each second those that changed. Server-wide.
     * </pre>
     */
    default void watchOrigins(io.github.fanfarepush.v1.WatchOriginsRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.WatchOriginsResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getWatchOriginsMethod(), responseObserver);
    }

    /**
     * <pre>
     * Sends for the application to an origin again that refused its credentials. NOT_FOUND: it is not stopped.
     * </pre>
     */
    default void resumeOrigin(io.github.fanfarepush.v1.ResumeOriginRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.ResumeOriginResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getResumeOriginMethod(), responseObserver);
    }

    /**
     * <pre>
     * From here on: many subscriptions at once, at most 1,000 a call. Call again with next_page_token until it is empty; a call
     * that broke off may be repeated. NOT_FOUND, reason ORIGIN_NOT_FOUND: no subscription was ever made at this origin.
     * Sends to subscriptions again that are held (Origin.held): they are ACTIVE. What the push service answers from then on is
     * judged afresh.
     * </pre>
     */
    default void releaseHeldSubscriptions(io.github.fanfarepush.v1.ReleaseHeldSubscriptionsRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.ReleaseHeldSubscriptionsResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getReleaseHeldSubscriptionsMethod(), responseObserver);
    }

    /**
     * <pre>
     * The push service was right: those that are held are removed (OUTCOME_GONE) or disabled (OUTCOME_KEY_MISMATCH).
     * </pre>
     */
    default void discardHeldSubscriptions(io.github.fanfarepush.v1.DiscardHeldSubscriptionsRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.DiscardHeldSubscriptionsResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getDiscardHeldSubscriptionsMethod(), responseObserver);
    }

    /**
     * <pre>
     * Brings subscriptions back that were removed because their push service said that they have ended: whole, and with their
     * names. They are kept for `retention.removed_subscriptions`, 7 days unless configured. None that a caller removed, nor any
     * of a user who was unsubscribed since; one whose endpoint was subscribed anew stays as it is.
     * </pre>
     */
    default void restoreSubscriptions(io.github.fanfarepush.v1.RestoreSubscriptionsRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.RestoreSubscriptionsResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getRestoreSubscriptionsMethod(), responseObserver);
    }

    /**
     * <pre>
     * Makes disabled subscriptions ACTIVE: one, or all that the fields leave. NOT_FOUND: there is none of that name.
     * </pre>
     */
    default void enableSubscriptions(io.github.fanfarepush.v1.EnableSubscriptionsRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.EnableSubscriptionsResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getEnableSubscriptionsMethod(), responseObserver);
    }

    /**
     * <pre>
     * Who did what, newest first: every change by AdminService, with what it was before; Broadcast; CancelMessage of a message
     * that had not ended; and Unsubscribe of several subscriptions at once, unless by a page. Who sent a message is in the
     * message (MessageStatus.caller). An entry is durable before its call is answered, and is kept for `retention.audit`, 365
     * days unless configured, if `retention.audit_octets_max` has room for it. Role: ADMIN only, for it tells who called from
     * where. A call looks at a bounded number of entries: of what is rare a page may be short, even empty, before the last.
     * </pre>
     */
    default void listAuditEntries(io.github.fanfarepush.v1.ListAuditEntriesRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.ListAuditEntriesResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListAuditEntriesMethod(), responseObserver);
    }

    /**
     * <pre>
     * Everything that the server keeps, of all applications, as the octets of a file: what `fanfare backup` writes and `fanfare
     * restore` reads. The state is that of one instant, the end of the stream; what was acknowledged before it is there. The server
     * serves on meanwhile. Secrets are in it as they are stored: sealed where the store is sealed, otherwise readable. Server-wide.
     * RESOURCE_EXHAUSTED, reason RATE_LIMITED: another backup runs; or, in the stream, the caller read slower than the server
     * wrote. A stream that ends without `summary` is no backup: begin again.
     * </pre>
     */
    default void backup(io.github.fanfarepush.v1.BackupRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.BackupResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getBackupMethod(), responseObserver);
    }
  }

  /**
   * Base class for the server implementation of the service AdminService.
   * <pre>
   * For those who run Fanfare: applications, VAPID keys, API tokens, the health of push services. What holds for
   * PushService holds here.
   * Role: ADMIN; READER for Get, List and Watch, but not for ListAuditEntries. Credentials of one application reach that
   * application only, and not what is marked "server-wide", which needs credentials of all. Every change is in the audit log. What opens the network
   * (private addresses, other ports than 443, root certificates) is configuration only: no RPC can.
   * </pre>
   */
  public static abstract class AdminServiceImplBase
      implements io.grpc.BindableService, AsyncService {

    @java.lang.Override public final io.grpc.ServerServiceDefinition bindService() {
      return AdminServiceGrpc.bindService(this);
    }
  }

  /**
   * A stub to allow clients to do asynchronous rpc calls to service AdminService.
   * <pre>
   * For those who run Fanfare: applications, VAPID keys, API tokens, the health of push services. What holds for
   * PushService holds here.
   * Role: ADMIN; READER for Get, List and Watch, but not for ListAuditEntries. Credentials of one application reach that
   * application only, and not what is marked "server-wide", which needs credentials of all. Every change is in the audit log. What opens the network
   * (private addresses, other ports than 443, root certificates) is configuration only: no RPC can.
   * </pre>
   */
  public static final class AdminServiceStub
      extends io.grpc.stub.AbstractAsyncStub<AdminServiceStub> {
    private AdminServiceStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected AdminServiceStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new AdminServiceStub(channel, callOptions);
    }

    /**
     * <pre>
     * Creates an application, with a VAPID key of its own. Server-wide. ALREADY_EXISTS.
     * </pre>
     */
    public void createApplication(io.github.fanfarepush.v1.CreateApplicationRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.CreateApplicationResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getCreateApplicationMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     */
    public void getApplication(io.github.fanfarepush.v1.GetApplicationRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.GetApplicationResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetApplicationMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Those that the caller may see, in the order of their ids.
     * </pre>
     */
    public void listApplications(io.github.fanfarepush.v1.ListApplicationsRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.ListApplicationsResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListApplicationsMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * ABORTED: etag does not match.
     * </pre>
     */
    public void updateApplication(io.github.fanfarepush.v1.UpdateApplicationRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.UpdateApplicationResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getUpdateApplicationMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Ends it at once (NOT_FOUND from here on, and so do its streams) and clears its data away behind. Server-wide; not for
     * "default".
     * FAILED_PRECONDITION, reason STILL_IN_USE, unless force.
     * </pre>
     */
    public void deleteApplication(io.github.fanfarepush.v1.DeleteApplicationRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.DeleteApplicationResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getDeleteApplicationMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Rotation: create a key, make it current, watch subscription_count of the old one fall as browsers subscribe anew,
     * retire it. A subscription is always signed for with the key it was made with.
     * </pre>
     */
    public void createVapidKey(io.github.fanfarepush.v1.CreateVapidKeyRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.CreateVapidKeyResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getCreateVapidKeyMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * The current key first, then newest first.
     * </pre>
     */
    public void listVapidKeys(io.github.fanfarepush.v1.ListVapidKeysRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.ListVapidKeysResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListVapidKeysMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Makes it the one that GetVapidPublicKey gives to browsers; also back to an older one. Not a retired one.
     * </pre>
     */
    public void setCurrentVapidKey(io.github.fanfarepush.v1.SetCurrentVapidKeyRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.SetCurrentVapidKeyResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getSetCurrentVapidKeyMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Destroys its private half; not that of the current key. FAILED_PRECONDITION, reason STILL_IN_USE: subscriptions
     * were made with it; with force they are disabled, OUTCOME_KEY_MISMATCH.
     * </pre>
     */
    public void retireVapidKey(io.github.fanfarepush.v1.RetireVapidKeyRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.RetireVapidKeyResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getRetireVapidKeyMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Creates a token for a service or person. (For pages: PushService.CreateSubscriberToken.) With the first one callers
     * need credentials from then on.
     * </pre>
     */
    public void createApiToken(io.github.fanfarepush.v1.CreateApiTokenRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.CreateApiTokenResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getCreateApiTokenMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Newest first; expired ones too, for 30 days.
     * </pre>
     */
    public void listApiTokens(io.github.fanfarepush.v1.ListApiTokensRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.ListApiTokensResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListApiTokensMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Ends it at once, with the streams that it opened. NOT_FOUND unless allow_missing.
     * </pre>
     */
    public void revokeApiToken(io.github.fanfarepush.v1.RevokeApiTokenRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.RevokeApiTokenResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getRevokeApiTokenMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Live health of the push services that this server talks to: one entry an origin, busiest first. Server-wide. An
     * origin whose place changes while the list is read may come twice or not at all.
     * </pre>
     */
    public void listOrigins(io.github.fanfarepush.v1.ListOriginsRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.ListOriginsResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListOriginsMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * All origins at once, then each second those that changed. Server-wide.
     * </pre>
     */
    public void watchOrigins(io.github.fanfarepush.v1.WatchOriginsRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.WatchOriginsResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncServerStreamingCall(
          getChannel().newCall(getWatchOriginsMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Sends for the application to an origin again that refused its credentials. NOT_FOUND: it is not stopped.
     * </pre>
     */
    public void resumeOrigin(io.github.fanfarepush.v1.ResumeOriginRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.ResumeOriginResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getResumeOriginMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * From here on: many subscriptions at once, at most 1,000 a call. Call again with next_page_token until it is empty; a call
     * that broke off may be repeated. NOT_FOUND, reason ORIGIN_NOT_FOUND: no subscription was ever made at this origin.
     * Sends to subscriptions again that are held (Origin.held): they are ACTIVE. What the push service answers from then on is
     * judged afresh.
     * </pre>
     */
    public void releaseHeldSubscriptions(io.github.fanfarepush.v1.ReleaseHeldSubscriptionsRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.ReleaseHeldSubscriptionsResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getReleaseHeldSubscriptionsMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * The push service was right: those that are held are removed (OUTCOME_GONE) or disabled (OUTCOME_KEY_MISMATCH).
     * </pre>
     */
    public void discardHeldSubscriptions(io.github.fanfarepush.v1.DiscardHeldSubscriptionsRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.DiscardHeldSubscriptionsResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getDiscardHeldSubscriptionsMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Brings subscriptions back that were removed because their push service said that they have ended: whole, and with their
     * names. They are kept for `retention.removed_subscriptions`, 7 days unless configured. None that a caller removed, nor any
     * of a user who was unsubscribed since; one whose endpoint was subscribed anew stays as it is.
     * </pre>
     */
    public void restoreSubscriptions(io.github.fanfarepush.v1.RestoreSubscriptionsRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.RestoreSubscriptionsResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getRestoreSubscriptionsMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Makes disabled subscriptions ACTIVE: one, or all that the fields leave. NOT_FOUND: there is none of that name.
     * </pre>
     */
    public void enableSubscriptions(io.github.fanfarepush.v1.EnableSubscriptionsRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.EnableSubscriptionsResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getEnableSubscriptionsMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Who did what, newest first: every change by AdminService, with what it was before; Broadcast; CancelMessage of a message
     * that had not ended; and Unsubscribe of several subscriptions at once, unless by a page. Who sent a message is in the
     * message (MessageStatus.caller). An entry is durable before its call is answered, and is kept for `retention.audit`, 365
     * days unless configured, if `retention.audit_octets_max` has room for it. Role: ADMIN only, for it tells who called from
     * where. A call looks at a bounded number of entries: of what is rare a page may be short, even empty, before the last.
     * </pre>
     */
    public void listAuditEntries(io.github.fanfarepush.v1.ListAuditEntriesRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.ListAuditEntriesResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListAuditEntriesMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Everything that the server keeps, of all applications, as the octets of a file: what `fanfare backup` writes and `fanfare
     * restore` reads. The state is that of one instant, the end of the stream; what was acknowledged before it is there. The server
     * serves on meanwhile. Secrets are in it as they are stored: sealed where the store is sealed, otherwise readable. Server-wide.
     * RESOURCE_EXHAUSTED, reason RATE_LIMITED: another backup runs; or, in the stream, the caller read slower than the server
     * wrote. A stream that ends without `summary` is no backup: begin again.
     * </pre>
     */
    public void backup(io.github.fanfarepush.v1.BackupRequest request,
        io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.BackupResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncServerStreamingCall(
          getChannel().newCall(getBackupMethod(), getCallOptions()), request, responseObserver);
    }
  }

  /**
   * A stub to allow clients to do synchronous rpc calls to service AdminService.
   * <pre>
   * For those who run Fanfare: applications, VAPID keys, API tokens, the health of push services. What holds for
   * PushService holds here.
   * Role: ADMIN; READER for Get, List and Watch, but not for ListAuditEntries. Credentials of one application reach that
   * application only, and not what is marked "server-wide", which needs credentials of all. Every change is in the audit log. What opens the network
   * (private addresses, other ports than 443, root certificates) is configuration only: no RPC can.
   * </pre>
   */
  public static final class AdminServiceBlockingV2Stub
      extends io.grpc.stub.AbstractBlockingStub<AdminServiceBlockingV2Stub> {
    private AdminServiceBlockingV2Stub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected AdminServiceBlockingV2Stub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new AdminServiceBlockingV2Stub(channel, callOptions);
    }

    /**
     * <pre>
     * Creates an application, with a VAPID key of its own. Server-wide. ALREADY_EXISTS.
     * </pre>
     */
    public io.github.fanfarepush.v1.CreateApplicationResponse createApplication(io.github.fanfarepush.v1.CreateApplicationRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getCreateApplicationMethod(), getCallOptions(), request);
    }

    /**
     */
    public io.github.fanfarepush.v1.GetApplicationResponse getApplication(io.github.fanfarepush.v1.GetApplicationRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetApplicationMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Those that the caller may see, in the order of their ids.
     * </pre>
     */
    public io.github.fanfarepush.v1.ListApplicationsResponse listApplications(io.github.fanfarepush.v1.ListApplicationsRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListApplicationsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * ABORTED: etag does not match.
     * </pre>
     */
    public io.github.fanfarepush.v1.UpdateApplicationResponse updateApplication(io.github.fanfarepush.v1.UpdateApplicationRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getUpdateApplicationMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Ends it at once (NOT_FOUND from here on, and so do its streams) and clears its data away behind. Server-wide; not for
     * "default".
     * FAILED_PRECONDITION, reason STILL_IN_USE, unless force.
     * </pre>
     */
    public io.github.fanfarepush.v1.DeleteApplicationResponse deleteApplication(io.github.fanfarepush.v1.DeleteApplicationRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getDeleteApplicationMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Rotation: create a key, make it current, watch subscription_count of the old one fall as browsers subscribe anew,
     * retire it. A subscription is always signed for with the key it was made with.
     * </pre>
     */
    public io.github.fanfarepush.v1.CreateVapidKeyResponse createVapidKey(io.github.fanfarepush.v1.CreateVapidKeyRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getCreateVapidKeyMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * The current key first, then newest first.
     * </pre>
     */
    public io.github.fanfarepush.v1.ListVapidKeysResponse listVapidKeys(io.github.fanfarepush.v1.ListVapidKeysRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListVapidKeysMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Makes it the one that GetVapidPublicKey gives to browsers; also back to an older one. Not a retired one.
     * </pre>
     */
    public io.github.fanfarepush.v1.SetCurrentVapidKeyResponse setCurrentVapidKey(io.github.fanfarepush.v1.SetCurrentVapidKeyRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getSetCurrentVapidKeyMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Destroys its private half; not that of the current key. FAILED_PRECONDITION, reason STILL_IN_USE: subscriptions
     * were made with it; with force they are disabled, OUTCOME_KEY_MISMATCH.
     * </pre>
     */
    public io.github.fanfarepush.v1.RetireVapidKeyResponse retireVapidKey(io.github.fanfarepush.v1.RetireVapidKeyRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getRetireVapidKeyMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Creates a token for a service or person. (For pages: PushService.CreateSubscriberToken.) With the first one callers
     * need credentials from then on.
     * </pre>
     */
    public io.github.fanfarepush.v1.CreateApiTokenResponse createApiToken(io.github.fanfarepush.v1.CreateApiTokenRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getCreateApiTokenMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Newest first; expired ones too, for 30 days.
     * </pre>
     */
    public io.github.fanfarepush.v1.ListApiTokensResponse listApiTokens(io.github.fanfarepush.v1.ListApiTokensRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListApiTokensMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Ends it at once, with the streams that it opened. NOT_FOUND unless allow_missing.
     * </pre>
     */
    public io.github.fanfarepush.v1.RevokeApiTokenResponse revokeApiToken(io.github.fanfarepush.v1.RevokeApiTokenRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getRevokeApiTokenMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Live health of the push services that this server talks to: one entry an origin, busiest first. Server-wide. An
     * origin whose place changes while the list is read may come twice or not at all.
     * </pre>
     */
    public io.github.fanfarepush.v1.ListOriginsResponse listOrigins(io.github.fanfarepush.v1.ListOriginsRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListOriginsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * All origins at once, then each second those that changed. Server-wide.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<?, io.github.fanfarepush.v1.WatchOriginsResponse>
        watchOrigins(io.github.fanfarepush.v1.WatchOriginsRequest request) {
      return io.grpc.stub.ClientCalls.blockingV2ServerStreamingCall(
          getChannel(), getWatchOriginsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Sends for the application to an origin again that refused its credentials. NOT_FOUND: it is not stopped.
     * </pre>
     */
    public io.github.fanfarepush.v1.ResumeOriginResponse resumeOrigin(io.github.fanfarepush.v1.ResumeOriginRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getResumeOriginMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * From here on: many subscriptions at once, at most 1,000 a call. Call again with next_page_token until it is empty; a call
     * that broke off may be repeated. NOT_FOUND, reason ORIGIN_NOT_FOUND: no subscription was ever made at this origin.
     * Sends to subscriptions again that are held (Origin.held): they are ACTIVE. What the push service answers from then on is
     * judged afresh.
     * </pre>
     */
    public io.github.fanfarepush.v1.ReleaseHeldSubscriptionsResponse releaseHeldSubscriptions(io.github.fanfarepush.v1.ReleaseHeldSubscriptionsRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getReleaseHeldSubscriptionsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * The push service was right: those that are held are removed (OUTCOME_GONE) or disabled (OUTCOME_KEY_MISMATCH).
     * </pre>
     */
    public io.github.fanfarepush.v1.DiscardHeldSubscriptionsResponse discardHeldSubscriptions(io.github.fanfarepush.v1.DiscardHeldSubscriptionsRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getDiscardHeldSubscriptionsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Brings subscriptions back that were removed because their push service said that they have ended: whole, and with their
     * names. They are kept for `retention.removed_subscriptions`, 7 days unless configured. None that a caller removed, nor any
     * of a user who was unsubscribed since; one whose endpoint was subscribed anew stays as it is.
     * </pre>
     */
    public io.github.fanfarepush.v1.RestoreSubscriptionsResponse restoreSubscriptions(io.github.fanfarepush.v1.RestoreSubscriptionsRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getRestoreSubscriptionsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Makes disabled subscriptions ACTIVE: one, or all that the fields leave. NOT_FOUND: there is none of that name.
     * </pre>
     */
    public io.github.fanfarepush.v1.EnableSubscriptionsResponse enableSubscriptions(io.github.fanfarepush.v1.EnableSubscriptionsRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getEnableSubscriptionsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Who did what, newest first: every change by AdminService, with what it was before; Broadcast; CancelMessage of a message
     * that had not ended; and Unsubscribe of several subscriptions at once, unless by a page. Who sent a message is in the
     * message (MessageStatus.caller). An entry is durable before its call is answered, and is kept for `retention.audit`, 365
     * days unless configured, if `retention.audit_octets_max` has room for it. Role: ADMIN only, for it tells who called from
     * where. A call looks at a bounded number of entries: of what is rare a page may be short, even empty, before the last.
     * </pre>
     */
    public io.github.fanfarepush.v1.ListAuditEntriesResponse listAuditEntries(io.github.fanfarepush.v1.ListAuditEntriesRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListAuditEntriesMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Everything that the server keeps, of all applications, as the octets of a file: what `fanfare backup` writes and `fanfare
     * restore` reads. The state is that of one instant, the end of the stream; what was acknowledged before it is there. The server
     * serves on meanwhile. Secrets are in it as they are stored: sealed where the store is sealed, otherwise readable. Server-wide.
     * RESOURCE_EXHAUSTED, reason RATE_LIMITED: another backup runs; or, in the stream, the caller read slower than the server
     * wrote. A stream that ends without `summary` is no backup: begin again.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<?, io.github.fanfarepush.v1.BackupResponse>
        backup(io.github.fanfarepush.v1.BackupRequest request) {
      return io.grpc.stub.ClientCalls.blockingV2ServerStreamingCall(
          getChannel(), getBackupMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do limited synchronous rpc calls to service AdminService.
   * <pre>
   * For those who run Fanfare: applications, VAPID keys, API tokens, the health of push services. What holds for
   * PushService holds here.
   * Role: ADMIN; READER for Get, List and Watch, but not for ListAuditEntries. Credentials of one application reach that
   * application only, and not what is marked "server-wide", which needs credentials of all. Every change is in the audit log. What opens the network
   * (private addresses, other ports than 443, root certificates) is configuration only: no RPC can.
   * </pre>
   */
  public static final class AdminServiceBlockingStub
      extends io.grpc.stub.AbstractBlockingStub<AdminServiceBlockingStub> {
    private AdminServiceBlockingStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected AdminServiceBlockingStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new AdminServiceBlockingStub(channel, callOptions);
    }

    /**
     * <pre>
     * Creates an application, with a VAPID key of its own. Server-wide. ALREADY_EXISTS.
     * </pre>
     */
    public io.github.fanfarepush.v1.CreateApplicationResponse createApplication(io.github.fanfarepush.v1.CreateApplicationRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getCreateApplicationMethod(), getCallOptions(), request);
    }

    /**
     */
    public io.github.fanfarepush.v1.GetApplicationResponse getApplication(io.github.fanfarepush.v1.GetApplicationRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetApplicationMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Those that the caller may see, in the order of their ids.
     * </pre>
     */
    public io.github.fanfarepush.v1.ListApplicationsResponse listApplications(io.github.fanfarepush.v1.ListApplicationsRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListApplicationsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * ABORTED: etag does not match.
     * </pre>
     */
    public io.github.fanfarepush.v1.UpdateApplicationResponse updateApplication(io.github.fanfarepush.v1.UpdateApplicationRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getUpdateApplicationMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Ends it at once (NOT_FOUND from here on, and so do its streams) and clears its data away behind. Server-wide; not for
     * "default".
     * FAILED_PRECONDITION, reason STILL_IN_USE, unless force.
     * </pre>
     */
    public io.github.fanfarepush.v1.DeleteApplicationResponse deleteApplication(io.github.fanfarepush.v1.DeleteApplicationRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getDeleteApplicationMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Rotation: create a key, make it current, watch subscription_count of the old one fall as browsers subscribe anew,
     * retire it. A subscription is always signed for with the key it was made with.
     * </pre>
     */
    public io.github.fanfarepush.v1.CreateVapidKeyResponse createVapidKey(io.github.fanfarepush.v1.CreateVapidKeyRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getCreateVapidKeyMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * The current key first, then newest first.
     * </pre>
     */
    public io.github.fanfarepush.v1.ListVapidKeysResponse listVapidKeys(io.github.fanfarepush.v1.ListVapidKeysRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListVapidKeysMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Makes it the one that GetVapidPublicKey gives to browsers; also back to an older one. Not a retired one.
     * </pre>
     */
    public io.github.fanfarepush.v1.SetCurrentVapidKeyResponse setCurrentVapidKey(io.github.fanfarepush.v1.SetCurrentVapidKeyRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getSetCurrentVapidKeyMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Destroys its private half; not that of the current key. FAILED_PRECONDITION, reason STILL_IN_USE: subscriptions
     * were made with it; with force they are disabled, OUTCOME_KEY_MISMATCH.
     * </pre>
     */
    public io.github.fanfarepush.v1.RetireVapidKeyResponse retireVapidKey(io.github.fanfarepush.v1.RetireVapidKeyRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getRetireVapidKeyMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Creates a token for a service or person. (For pages: PushService.CreateSubscriberToken.) With the first one callers
     * need credentials from then on.
     * </pre>
     */
    public io.github.fanfarepush.v1.CreateApiTokenResponse createApiToken(io.github.fanfarepush.v1.CreateApiTokenRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getCreateApiTokenMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Newest first; expired ones too, for 30 days.
     * </pre>
     */
    public io.github.fanfarepush.v1.ListApiTokensResponse listApiTokens(io.github.fanfarepush.v1.ListApiTokensRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListApiTokensMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Ends it at once, with the streams that it opened. NOT_FOUND unless allow_missing.
     * </pre>
     */
    public io.github.fanfarepush.v1.RevokeApiTokenResponse revokeApiToken(io.github.fanfarepush.v1.RevokeApiTokenRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getRevokeApiTokenMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Live health of the push services that this server talks to: one entry an origin, busiest first. Server-wide. An
     * origin whose place changes while the list is read may come twice or not at all.
     * </pre>
     */
    public io.github.fanfarepush.v1.ListOriginsResponse listOrigins(io.github.fanfarepush.v1.ListOriginsRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListOriginsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * All origins at once, then each second those that changed. Server-wide.
     * </pre>
     */
    public java.util.Iterator<io.github.fanfarepush.v1.WatchOriginsResponse> watchOrigins(
        io.github.fanfarepush.v1.WatchOriginsRequest request) {
      return io.grpc.stub.ClientCalls.blockingServerStreamingCall(
          getChannel(), getWatchOriginsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Sends for the application to an origin again that refused its credentials. NOT_FOUND: it is not stopped.
     * </pre>
     */
    public io.github.fanfarepush.v1.ResumeOriginResponse resumeOrigin(io.github.fanfarepush.v1.ResumeOriginRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getResumeOriginMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * From here on: many subscriptions at once, at most 1,000 a call. Call again with next_page_token until it is empty; a call
     * that broke off may be repeated. NOT_FOUND, reason ORIGIN_NOT_FOUND: no subscription was ever made at this origin.
     * Sends to subscriptions again that are held (Origin.held): they are ACTIVE. What the push service answers from then on is
     * judged afresh.
     * </pre>
     */
    public io.github.fanfarepush.v1.ReleaseHeldSubscriptionsResponse releaseHeldSubscriptions(io.github.fanfarepush.v1.ReleaseHeldSubscriptionsRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getReleaseHeldSubscriptionsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * The push service was right: those that are held are removed (OUTCOME_GONE) or disabled (OUTCOME_KEY_MISMATCH).
     * </pre>
     */
    public io.github.fanfarepush.v1.DiscardHeldSubscriptionsResponse discardHeldSubscriptions(io.github.fanfarepush.v1.DiscardHeldSubscriptionsRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getDiscardHeldSubscriptionsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Brings subscriptions back that were removed because their push service said that they have ended: whole, and with their
     * names. They are kept for `retention.removed_subscriptions`, 7 days unless configured. None that a caller removed, nor any
     * of a user who was unsubscribed since; one whose endpoint was subscribed anew stays as it is.
     * </pre>
     */
    public io.github.fanfarepush.v1.RestoreSubscriptionsResponse restoreSubscriptions(io.github.fanfarepush.v1.RestoreSubscriptionsRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getRestoreSubscriptionsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Makes disabled subscriptions ACTIVE: one, or all that the fields leave. NOT_FOUND: there is none of that name.
     * </pre>
     */
    public io.github.fanfarepush.v1.EnableSubscriptionsResponse enableSubscriptions(io.github.fanfarepush.v1.EnableSubscriptionsRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getEnableSubscriptionsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Who did what, newest first: every change by AdminService, with what it was before; Broadcast; CancelMessage of a message
     * that had not ended; and Unsubscribe of several subscriptions at once, unless by a page. Who sent a message is in the
     * message (MessageStatus.caller). An entry is durable before its call is answered, and is kept for `retention.audit`, 365
     * days unless configured, if `retention.audit_octets_max` has room for it. Role: ADMIN only, for it tells who called from
     * where. A call looks at a bounded number of entries: of what is rare a page may be short, even empty, before the last.
     * </pre>
     */
    public io.github.fanfarepush.v1.ListAuditEntriesResponse listAuditEntries(io.github.fanfarepush.v1.ListAuditEntriesRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListAuditEntriesMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Everything that the server keeps, of all applications, as the octets of a file: what `fanfare backup` writes and `fanfare
     * restore` reads. The state is that of one instant, the end of the stream; what was acknowledged before it is there. The server
     * serves on meanwhile. Secrets are in it as they are stored: sealed where the store is sealed, otherwise readable. Server-wide.
     * RESOURCE_EXHAUSTED, reason RATE_LIMITED: another backup runs; or, in the stream, the caller read slower than the server
     * wrote. A stream that ends without `summary` is no backup: begin again.
     * </pre>
     */
    public java.util.Iterator<io.github.fanfarepush.v1.BackupResponse> backup(
        io.github.fanfarepush.v1.BackupRequest request) {
      return io.grpc.stub.ClientCalls.blockingServerStreamingCall(
          getChannel(), getBackupMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do ListenableFuture-style rpc calls to service AdminService.
   * <pre>
   * For those who run Fanfare: applications, VAPID keys, API tokens, the health of push services. What holds for
   * PushService holds here.
   * Role: ADMIN; READER for Get, List and Watch, but not for ListAuditEntries. Credentials of one application reach that
   * application only, and not what is marked "server-wide", which needs credentials of all. Every change is in the audit log. What opens the network
   * (private addresses, other ports than 443, root certificates) is configuration only: no RPC can.
   * </pre>
   */
  public static final class AdminServiceFutureStub
      extends io.grpc.stub.AbstractFutureStub<AdminServiceFutureStub> {
    private AdminServiceFutureStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected AdminServiceFutureStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new AdminServiceFutureStub(channel, callOptions);
    }

    /**
     * <pre>
     * Creates an application, with a VAPID key of its own. Server-wide. ALREADY_EXISTS.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.fanfarepush.v1.CreateApplicationResponse> createApplication(
        io.github.fanfarepush.v1.CreateApplicationRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getCreateApplicationMethod(), getCallOptions()), request);
    }

    /**
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.fanfarepush.v1.GetApplicationResponse> getApplication(
        io.github.fanfarepush.v1.GetApplicationRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetApplicationMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Those that the caller may see, in the order of their ids.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.fanfarepush.v1.ListApplicationsResponse> listApplications(
        io.github.fanfarepush.v1.ListApplicationsRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListApplicationsMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * ABORTED: etag does not match.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.fanfarepush.v1.UpdateApplicationResponse> updateApplication(
        io.github.fanfarepush.v1.UpdateApplicationRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getUpdateApplicationMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Ends it at once (NOT_FOUND from here on, and so do its streams) and clears its data away behind. Server-wide; not for
     * "default".
     * FAILED_PRECONDITION, reason STILL_IN_USE, unless force.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.fanfarepush.v1.DeleteApplicationResponse> deleteApplication(
        io.github.fanfarepush.v1.DeleteApplicationRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getDeleteApplicationMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Rotation: create a key, make it current, watch subscription_count of the old one fall as browsers subscribe anew,
     * retire it. A subscription is always signed for with the key it was made with.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.fanfarepush.v1.CreateVapidKeyResponse> createVapidKey(
        io.github.fanfarepush.v1.CreateVapidKeyRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getCreateVapidKeyMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * The current key first, then newest first.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.fanfarepush.v1.ListVapidKeysResponse> listVapidKeys(
        io.github.fanfarepush.v1.ListVapidKeysRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListVapidKeysMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Makes it the one that GetVapidPublicKey gives to browsers; also back to an older one. Not a retired one.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.fanfarepush.v1.SetCurrentVapidKeyResponse> setCurrentVapidKey(
        io.github.fanfarepush.v1.SetCurrentVapidKeyRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getSetCurrentVapidKeyMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Destroys its private half; not that of the current key. FAILED_PRECONDITION, reason STILL_IN_USE: subscriptions
     * were made with it; with force they are disabled, OUTCOME_KEY_MISMATCH.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.fanfarepush.v1.RetireVapidKeyResponse> retireVapidKey(
        io.github.fanfarepush.v1.RetireVapidKeyRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getRetireVapidKeyMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Creates a token for a service or person. (For pages: PushService.CreateSubscriberToken.) With the first one callers
     * need credentials from then on.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.fanfarepush.v1.CreateApiTokenResponse> createApiToken(
        io.github.fanfarepush.v1.CreateApiTokenRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getCreateApiTokenMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Newest first; expired ones too, for 30 days.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.fanfarepush.v1.ListApiTokensResponse> listApiTokens(
        io.github.fanfarepush.v1.ListApiTokensRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListApiTokensMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Ends it at once, with the streams that it opened. NOT_FOUND unless allow_missing.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.fanfarepush.v1.RevokeApiTokenResponse> revokeApiToken(
        io.github.fanfarepush.v1.RevokeApiTokenRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getRevokeApiTokenMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Live health of the push services that this server talks to: one entry an origin, busiest first. Server-wide. An
     * origin whose place changes while the list is read may come twice or not at all.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.fanfarepush.v1.ListOriginsResponse> listOrigins(
        io.github.fanfarepush.v1.ListOriginsRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListOriginsMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Sends for the application to an origin again that refused its credentials. NOT_FOUND: it is not stopped.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.fanfarepush.v1.ResumeOriginResponse> resumeOrigin(
        io.github.fanfarepush.v1.ResumeOriginRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getResumeOriginMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * From here on: many subscriptions at once, at most 1,000 a call. Call again with next_page_token until it is empty; a call
     * that broke off may be repeated. NOT_FOUND, reason ORIGIN_NOT_FOUND: no subscription was ever made at this origin.
     * Sends to subscriptions again that are held (Origin.held): they are ACTIVE. What the push service answers from then on is
     * judged afresh.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.fanfarepush.v1.ReleaseHeldSubscriptionsResponse> releaseHeldSubscriptions(
        io.github.fanfarepush.v1.ReleaseHeldSubscriptionsRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getReleaseHeldSubscriptionsMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * The push service was right: those that are held are removed (OUTCOME_GONE) or disabled (OUTCOME_KEY_MISMATCH).
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.fanfarepush.v1.DiscardHeldSubscriptionsResponse> discardHeldSubscriptions(
        io.github.fanfarepush.v1.DiscardHeldSubscriptionsRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getDiscardHeldSubscriptionsMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Brings subscriptions back that were removed because their push service said that they have ended: whole, and with their
     * names. They are kept for `retention.removed_subscriptions`, 7 days unless configured. None that a caller removed, nor any
     * of a user who was unsubscribed since; one whose endpoint was subscribed anew stays as it is.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.fanfarepush.v1.RestoreSubscriptionsResponse> restoreSubscriptions(
        io.github.fanfarepush.v1.RestoreSubscriptionsRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getRestoreSubscriptionsMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Makes disabled subscriptions ACTIVE: one, or all that the fields leave. NOT_FOUND: there is none of that name.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.fanfarepush.v1.EnableSubscriptionsResponse> enableSubscriptions(
        io.github.fanfarepush.v1.EnableSubscriptionsRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getEnableSubscriptionsMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Who did what, newest first: every change by AdminService, with what it was before; Broadcast; CancelMessage of a message
     * that had not ended; and Unsubscribe of several subscriptions at once, unless by a page. Who sent a message is in the
     * message (MessageStatus.caller). An entry is durable before its call is answered, and is kept for `retention.audit`, 365
     * days unless configured, if `retention.audit_octets_max` has room for it. Role: ADMIN only, for it tells who called from
     * where. A call looks at a bounded number of entries: of what is rare a page may be short, even empty, before the last.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.fanfarepush.v1.ListAuditEntriesResponse> listAuditEntries(
        io.github.fanfarepush.v1.ListAuditEntriesRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListAuditEntriesMethod(), getCallOptions()), request);
    }
  }

  private static final int METHODID_CREATE_APPLICATION = 0;
  private static final int METHODID_GET_APPLICATION = 1;
  private static final int METHODID_LIST_APPLICATIONS = 2;
  private static final int METHODID_UPDATE_APPLICATION = 3;
  private static final int METHODID_DELETE_APPLICATION = 4;
  private static final int METHODID_CREATE_VAPID_KEY = 5;
  private static final int METHODID_LIST_VAPID_KEYS = 6;
  private static final int METHODID_SET_CURRENT_VAPID_KEY = 7;
  private static final int METHODID_RETIRE_VAPID_KEY = 8;
  private static final int METHODID_CREATE_API_TOKEN = 9;
  private static final int METHODID_LIST_API_TOKENS = 10;
  private static final int METHODID_REVOKE_API_TOKEN = 11;
  private static final int METHODID_LIST_ORIGINS = 12;
  private static final int METHODID_WATCH_ORIGINS = 13;
  private static final int METHODID_RESUME_ORIGIN = 14;
  private static final int METHODID_RELEASE_HELD_SUBSCRIPTIONS = 15;
  private static final int METHODID_DISCARD_HELD_SUBSCRIPTIONS = 16;
  private static final int METHODID_RESTORE_SUBSCRIPTIONS = 17;
  private static final int METHODID_ENABLE_SUBSCRIPTIONS = 18;
  private static final int METHODID_LIST_AUDIT_ENTRIES = 19;
  private static final int METHODID_BACKUP = 20;

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
        case METHODID_CREATE_APPLICATION:
          serviceImpl.createApplication((io.github.fanfarepush.v1.CreateApplicationRequest) request,
              (io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.CreateApplicationResponse>) responseObserver);
          break;
        case METHODID_GET_APPLICATION:
          serviceImpl.getApplication((io.github.fanfarepush.v1.GetApplicationRequest) request,
              (io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.GetApplicationResponse>) responseObserver);
          break;
        case METHODID_LIST_APPLICATIONS:
          serviceImpl.listApplications((io.github.fanfarepush.v1.ListApplicationsRequest) request,
              (io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.ListApplicationsResponse>) responseObserver);
          break;
        case METHODID_UPDATE_APPLICATION:
          serviceImpl.updateApplication((io.github.fanfarepush.v1.UpdateApplicationRequest) request,
              (io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.UpdateApplicationResponse>) responseObserver);
          break;
        case METHODID_DELETE_APPLICATION:
          serviceImpl.deleteApplication((io.github.fanfarepush.v1.DeleteApplicationRequest) request,
              (io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.DeleteApplicationResponse>) responseObserver);
          break;
        case METHODID_CREATE_VAPID_KEY:
          serviceImpl.createVapidKey((io.github.fanfarepush.v1.CreateVapidKeyRequest) request,
              (io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.CreateVapidKeyResponse>) responseObserver);
          break;
        case METHODID_LIST_VAPID_KEYS:
          serviceImpl.listVapidKeys((io.github.fanfarepush.v1.ListVapidKeysRequest) request,
              (io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.ListVapidKeysResponse>) responseObserver);
          break;
        case METHODID_SET_CURRENT_VAPID_KEY:
          serviceImpl.setCurrentVapidKey((io.github.fanfarepush.v1.SetCurrentVapidKeyRequest) request,
              (io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.SetCurrentVapidKeyResponse>) responseObserver);
          break;
        case METHODID_RETIRE_VAPID_KEY:
          serviceImpl.retireVapidKey((io.github.fanfarepush.v1.RetireVapidKeyRequest) request,
              (io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.RetireVapidKeyResponse>) responseObserver);
          break;
        case METHODID_CREATE_API_TOKEN:
          serviceImpl.createApiToken((io.github.fanfarepush.v1.CreateApiTokenRequest) request,
              (io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.CreateApiTokenResponse>) responseObserver);
          break;
        case METHODID_LIST_API_TOKENS:
          serviceImpl.listApiTokens((io.github.fanfarepush.v1.ListApiTokensRequest) request,
              (io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.ListApiTokensResponse>) responseObserver);
          break;
        case METHODID_REVOKE_API_TOKEN:
          serviceImpl.revokeApiToken((io.github.fanfarepush.v1.RevokeApiTokenRequest) request,
              (io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.RevokeApiTokenResponse>) responseObserver);
          break;
        case METHODID_LIST_ORIGINS:
          serviceImpl.listOrigins((io.github.fanfarepush.v1.ListOriginsRequest) request,
              (io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.ListOriginsResponse>) responseObserver);
          break;
        case METHODID_WATCH_ORIGINS:
          serviceImpl.watchOrigins((io.github.fanfarepush.v1.WatchOriginsRequest) request,
              (io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.WatchOriginsResponse>) responseObserver);
          break;
        case METHODID_RESUME_ORIGIN:
          serviceImpl.resumeOrigin((io.github.fanfarepush.v1.ResumeOriginRequest) request,
              (io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.ResumeOriginResponse>) responseObserver);
          break;
        case METHODID_RELEASE_HELD_SUBSCRIPTIONS:
          serviceImpl.releaseHeldSubscriptions((io.github.fanfarepush.v1.ReleaseHeldSubscriptionsRequest) request,
              (io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.ReleaseHeldSubscriptionsResponse>) responseObserver);
          break;
        case METHODID_DISCARD_HELD_SUBSCRIPTIONS:
          serviceImpl.discardHeldSubscriptions((io.github.fanfarepush.v1.DiscardHeldSubscriptionsRequest) request,
              (io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.DiscardHeldSubscriptionsResponse>) responseObserver);
          break;
        case METHODID_RESTORE_SUBSCRIPTIONS:
          serviceImpl.restoreSubscriptions((io.github.fanfarepush.v1.RestoreSubscriptionsRequest) request,
              (io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.RestoreSubscriptionsResponse>) responseObserver);
          break;
        case METHODID_ENABLE_SUBSCRIPTIONS:
          serviceImpl.enableSubscriptions((io.github.fanfarepush.v1.EnableSubscriptionsRequest) request,
              (io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.EnableSubscriptionsResponse>) responseObserver);
          break;
        case METHODID_LIST_AUDIT_ENTRIES:
          serviceImpl.listAuditEntries((io.github.fanfarepush.v1.ListAuditEntriesRequest) request,
              (io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.ListAuditEntriesResponse>) responseObserver);
          break;
        case METHODID_BACKUP:
          serviceImpl.backup((io.github.fanfarepush.v1.BackupRequest) request,
              (io.grpc.stub.StreamObserver<io.github.fanfarepush.v1.BackupResponse>) responseObserver);
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
        default:
          throw new AssertionError();
      }
    }
  }

  public static final io.grpc.ServerServiceDefinition bindService(AsyncService service) {
    return io.grpc.ServerServiceDefinition.builder(getServiceDescriptor())
        .addMethod(
          getCreateApplicationMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.fanfarepush.v1.CreateApplicationRequest,
              io.github.fanfarepush.v1.CreateApplicationResponse>(
                service, METHODID_CREATE_APPLICATION)))
        .addMethod(
          getGetApplicationMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.fanfarepush.v1.GetApplicationRequest,
              io.github.fanfarepush.v1.GetApplicationResponse>(
                service, METHODID_GET_APPLICATION)))
        .addMethod(
          getListApplicationsMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.fanfarepush.v1.ListApplicationsRequest,
              io.github.fanfarepush.v1.ListApplicationsResponse>(
                service, METHODID_LIST_APPLICATIONS)))
        .addMethod(
          getUpdateApplicationMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.fanfarepush.v1.UpdateApplicationRequest,
              io.github.fanfarepush.v1.UpdateApplicationResponse>(
                service, METHODID_UPDATE_APPLICATION)))
        .addMethod(
          getDeleteApplicationMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.fanfarepush.v1.DeleteApplicationRequest,
              io.github.fanfarepush.v1.DeleteApplicationResponse>(
                service, METHODID_DELETE_APPLICATION)))
        .addMethod(
          getCreateVapidKeyMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.fanfarepush.v1.CreateVapidKeyRequest,
              io.github.fanfarepush.v1.CreateVapidKeyResponse>(
                service, METHODID_CREATE_VAPID_KEY)))
        .addMethod(
          getListVapidKeysMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.fanfarepush.v1.ListVapidKeysRequest,
              io.github.fanfarepush.v1.ListVapidKeysResponse>(
                service, METHODID_LIST_VAPID_KEYS)))
        .addMethod(
          getSetCurrentVapidKeyMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.fanfarepush.v1.SetCurrentVapidKeyRequest,
              io.github.fanfarepush.v1.SetCurrentVapidKeyResponse>(
                service, METHODID_SET_CURRENT_VAPID_KEY)))
        .addMethod(
          getRetireVapidKeyMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.fanfarepush.v1.RetireVapidKeyRequest,
              io.github.fanfarepush.v1.RetireVapidKeyResponse>(
                service, METHODID_RETIRE_VAPID_KEY)))
        .addMethod(
          getCreateApiTokenMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.fanfarepush.v1.CreateApiTokenRequest,
              io.github.fanfarepush.v1.CreateApiTokenResponse>(
                service, METHODID_CREATE_API_TOKEN)))
        .addMethod(
          getListApiTokensMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.fanfarepush.v1.ListApiTokensRequest,
              io.github.fanfarepush.v1.ListApiTokensResponse>(
                service, METHODID_LIST_API_TOKENS)))
        .addMethod(
          getRevokeApiTokenMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.fanfarepush.v1.RevokeApiTokenRequest,
              io.github.fanfarepush.v1.RevokeApiTokenResponse>(
                service, METHODID_REVOKE_API_TOKEN)))
        .addMethod(
          getListOriginsMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.fanfarepush.v1.ListOriginsRequest,
              io.github.fanfarepush.v1.ListOriginsResponse>(
                service, METHODID_LIST_ORIGINS)))
        .addMethod(
          getWatchOriginsMethod(),
          io.grpc.stub.ServerCalls.asyncServerStreamingCall(
            new MethodHandlers<
              io.github.fanfarepush.v1.WatchOriginsRequest,
              io.github.fanfarepush.v1.WatchOriginsResponse>(
                service, METHODID_WATCH_ORIGINS)))
        .addMethod(
          getResumeOriginMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.fanfarepush.v1.ResumeOriginRequest,
              io.github.fanfarepush.v1.ResumeOriginResponse>(
                service, METHODID_RESUME_ORIGIN)))
        .addMethod(
          getReleaseHeldSubscriptionsMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.fanfarepush.v1.ReleaseHeldSubscriptionsRequest,
              io.github.fanfarepush.v1.ReleaseHeldSubscriptionsResponse>(
                service, METHODID_RELEASE_HELD_SUBSCRIPTIONS)))
        .addMethod(
          getDiscardHeldSubscriptionsMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.fanfarepush.v1.DiscardHeldSubscriptionsRequest,
              io.github.fanfarepush.v1.DiscardHeldSubscriptionsResponse>(
                service, METHODID_DISCARD_HELD_SUBSCRIPTIONS)))
        .addMethod(
          getRestoreSubscriptionsMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.fanfarepush.v1.RestoreSubscriptionsRequest,
              io.github.fanfarepush.v1.RestoreSubscriptionsResponse>(
                service, METHODID_RESTORE_SUBSCRIPTIONS)))
        .addMethod(
          getEnableSubscriptionsMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.fanfarepush.v1.EnableSubscriptionsRequest,
              io.github.fanfarepush.v1.EnableSubscriptionsResponse>(
                service, METHODID_ENABLE_SUBSCRIPTIONS)))
        .addMethod(
          getListAuditEntriesMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.fanfarepush.v1.ListAuditEntriesRequest,
              io.github.fanfarepush.v1.ListAuditEntriesResponse>(
                service, METHODID_LIST_AUDIT_ENTRIES)))
        .addMethod(
          getBackupMethod(),
          io.grpc.stub.ServerCalls.asyncServerStreamingCall(
            new MethodHandlers<
              io.github.fanfarepush.v1.BackupRequest,
              io.github.fanfarepush.v1.BackupResponse>(
                service, METHODID_BACKUP)))
        .build();
  }

  private static abstract class AdminServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoFileDescriptorSupplier, io.grpc.protobuf.ProtoServiceDescriptorSupplier {
    AdminServiceBaseDescriptorSupplier() {}

    @java.lang.Override
    public com.google.protobuf.Descriptors.FileDescriptor getFileDescriptor() {
      return io.github.fanfarepush.v1.Admin.getDescriptor();
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.ServiceDescriptor getServiceDescriptor() {
      return getFileDescriptor().findServiceByName("AdminService");
    }
  }

  private static final class AdminServiceFileDescriptorSupplier
      extends AdminServiceBaseDescriptorSupplier {
    AdminServiceFileDescriptorSupplier() {}
  }

  private static final class AdminServiceMethodDescriptorSupplier
      extends AdminServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoMethodDescriptorSupplier {
    private final java.lang.String methodName;

    AdminServiceMethodDescriptorSupplier(java.lang.String methodName) {
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
      synchronized (AdminServiceGrpc.class) {
        result = serviceDescriptor;
        if (result == null) {
          serviceDescriptor = result = io.grpc.ServiceDescriptor.newBuilder(SERVICE_NAME)
              .setSchemaDescriptor(new AdminServiceFileDescriptorSupplier())
              .addMethod(getCreateApplicationMethod())
              .addMethod(getGetApplicationMethod())
              .addMethod(getListApplicationsMethod())
              .addMethod(getUpdateApplicationMethod())
              .addMethod(getDeleteApplicationMethod())
              .addMethod(getCreateVapidKeyMethod())
              .addMethod(getListVapidKeysMethod())
              .addMethod(getSetCurrentVapidKeyMethod())
              .addMethod(getRetireVapidKeyMethod())
              .addMethod(getCreateApiTokenMethod())
              .addMethod(getListApiTokensMethod())
              .addMethod(getRevokeApiTokenMethod())
              .addMethod(getListOriginsMethod())
              .addMethod(getWatchOriginsMethod())
              .addMethod(getResumeOriginMethod())
              .addMethod(getReleaseHeldSubscriptionsMethod())
              .addMethod(getDiscardHeldSubscriptionsMethod())
              .addMethod(getRestoreSubscriptionsMethod())
              .addMethod(getEnableSubscriptionsMethod())
              .addMethod(getListAuditEntriesMethod())
              .addMethod(getBackupMethod())
              .build();
        }
      }
    }
    return result;
  }
}
