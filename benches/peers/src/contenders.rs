//! One module for each that is compared.

pub mod farewell_blocking;
pub mod farewell_connection;
pub mod farewell_session;
pub mod farewell_tokio;
pub mod fastwebsockets;
pub mod limit_lent;
pub mod limit_owned;
pub mod sockudo_ws;
pub mod soketto;
pub mod tokio_tungstenite;
pub mod tokio_websockets;
pub mod tungstenite;
pub mod web_socket;
pub mod wtx;
pub mod yawc;
