/** The generated messages, enums and services. */
export * from "./gen/fanfare/v1/admin_pb.js";
export * from "./gen/fanfare/v1/delivery_pb.js";
export * from "./gen/fanfare/v1/errors_pb.js";
export * from "./gen/fanfare/v1/message_pb.js";
export * from "./gen/fanfare/v1/push_pb.js";
export * from "./gen/fanfare/v1/subscription_pb.js";
