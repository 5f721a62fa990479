//! What unit tests take from the test kit.

pub(crate) use testkit::{
    KeyAndCert, NOW, RedisServer, RedisWay, cache_keys, certified, ec_key, key_and_cert, pem, rsa_key,
};
