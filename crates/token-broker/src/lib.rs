//! token-broker
