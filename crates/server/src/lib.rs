//! The doors of an operator, and the thread behind them that decides nothing itself: it loads, asks
//! [`operator`], stores, and only then answers.
#![forbid(unsafe_code)]

pub mod audit;
pub mod bank;
mod call;
pub mod clock;
pub mod committer;
pub mod deployment;
pub mod front;
pub mod gateway;
pub mod http;
pub mod log_door;
pub mod move_page;
pub mod node;
pub mod outside;
pub mod portal;
pub mod radio;
pub mod stored;
pub mod tokens;
pub mod view;
pub mod witness;

pub use clock::{Clock, SystemClock};
pub use committer::{Committer, Handle};
pub use deployment::{Deployment, Making, StartError, TestWaits};
pub use node::Node;
pub use outside::{OutsideWitness, Witnessing};
pub use tokens::Tokens;
