//! The token broker: exchanges a user's access token for the same user's token for Azure, On-Behalf-Of.

mod client_assertion;
pub mod credential;
#[cfg(test)]
mod testing;
