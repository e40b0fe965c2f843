//! The messages of Chromium's push back end, as far as a browser needs them: check-in (`android_checkin.proto`) and MCS
//! (`mcs.proto` of Chromium's `google_apis/gcm`). Fields that are not read are left out.

/// What a browser asks for at check-in.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CheckinRequest {
    /// Of an earlier check-in.
    #[prost(int64, optional, tag = "2")]
    pub(crate) android_id: Option<i64>,
    #[prost(fixed64, optional, tag = "13")]
    pub(crate) security_token: Option<u64>,
}

/// Who the browser is from then on.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CheckinResponse {
    #[prost(bool, tag = "1")]
    pub(crate) stats_ok: bool,
    #[prost(int64, optional, tag = "3")]
    pub(crate) time_millis: Option<i64>,
    #[prost(fixed64, optional, tag = "7")]
    pub(crate) android_id: Option<u64>,
    #[prost(fixed64, optional, tag = "8")]
    pub(crate) security_token: Option<u64>,
    #[prost(bool, optional, tag = "9")]
    pub(crate) settings_diff: Option<bool>,
    #[prost(string, optional, tag = "11")]
    pub(crate) version_info: Option<String>,
}

/// The first message of a connection.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct LoginRequest {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    /// The android id, in decimal.
    #[prost(string, tag = "3")]
    pub(crate) user: String,
    /// The security token, in decimal.
    #[prost(string, tag = "5")]
    pub(crate) auth_token: String,
    /// Messages that it has since it was connected last.
    #[prost(string, repeated, tag = "10")]
    pub(crate) received_persistent_id: Vec<String>,
}

/// The answer.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct LoginResponse {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    #[prost(string, optional, tag = "2")]
    pub(crate) jid: Option<String>,
    #[prost(message, optional, tag = "3")]
    pub(crate) error: Option<ErrorInfo>,
    #[prost(int64, optional, tag = "8")]
    pub(crate) server_timestamp: Option<i64>,
}

/// Why a login is refused.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ErrorInfo {
    #[prost(int32, tag = "1")]
    pub(crate) code: i32,
    #[prost(string, optional, tag = "2")]
    pub(crate) message: Option<String>,
}

/// HeartbeatPing and HeartbeatAck.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Heartbeat {
    #[prost(int32, optional, tag = "2")]
    pub(crate) last_stream_id_received: Option<i32>,
}

/// Here it only acknowledges.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct IqStanza {
    #[prost(int32, optional, tag = "10")]
    pub(crate) last_stream_id_received: Option<i32>,
}

/// A push message.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct DataMessageStanza {
    /// The sender: the application server key as the page gave it.
    #[prost(string, tag = "3")]
    pub(crate) from: String,
    /// The application.
    #[prost(string, tag = "5")]
    pub(crate) category: String,
    #[prost(message, repeated, tag = "7")]
    pub(crate) app_data: Vec<AppData>,
    #[prost(string, optional, tag = "9")]
    pub(crate) persistent_id: Option<String>,
    #[prost(int32, optional, tag = "11")]
    pub(crate) last_stream_id_received: Option<i32>,
    /// In seconds.
    #[prost(int32, optional, tag = "17")]
    pub(crate) ttl: Option<i32>,
    /// Milliseconds since 1970.
    #[prost(int64, optional, tag = "18")]
    pub(crate) sent: Option<i64>,
    #[prost(bytes = "bytes", optional, tag = "21")]
    pub(crate) raw_data: Option<bytes::Bytes>,
    #[prost(bool, optional, tag = "24")]
    pub(crate) immediate_ack: Option<bool>,
}

/// One of a push message's headers.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct AppData {
    #[prost(string, tag = "1")]
    pub(crate) key: String,
    #[prost(string, tag = "2")]
    pub(crate) value: String,
}
