//! The doors of an operator, and the thread behind them that decides nothing itself: it loads, asks
//! [`operator`], stores, and only then answers.
#![forbid(unsafe_code)]

pub mod clock;
pub mod committer;
pub mod deployment;
pub mod gateway;
pub mod http;
pub mod node;
pub mod view;

pub use clock::{Clock, SystemClock};
pub use committer::{Committer, Handle};
pub use deployment::{Deployment, StartError, TestWaits};
pub use node::Node;
