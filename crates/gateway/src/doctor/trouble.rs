//! Why a host does not answer, told apart by what has to be done about it.

use std::error::Error;
use std::io;

use tokio::net::lookup_host;
use url::Url;

use super::deadline::STEP_DEADLINE;

/// Why nothing was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The name has no address.
    NoName,
    /// Nobody listens there.
    Refused,
    /// The certificate comes from an authority that is not trusted.
    Untrusted,
    /// The certificate is for another name.
    OtherName,
    /// The certificate is past its time, or ahead of it.
    OutOfTime,
    /// The other side asks for a certificate of ours, or does not accept the one it got.
    OwnCertificate,
    /// What listens there speaks something else.
    OtherProtocol,
    /// Permission is denied: a unix socket of another user.
    Denied,
    /// There was no answer in time.
    Slow,
    /// Anything else, in the words of the library.
    Other(String),
}

/// Words of TLS and HTTP libraries that tell a trouble. The errors behind them are of many types; their texts are what
/// all have in common. The first that fits counts.
const WORDS: &[(&str, Trouble)] = &[
    ("certificaterequired", Trouble::OwnCertificate),
    ("certificateunknown", Trouble::OwnCertificate),
    ("unknownca", Trouble::OwnCertificate),
    ("badcertificate", Trouble::OwnCertificate),
    ("handshakefailure", Trouble::OwnCertificate),
    ("notvalidforname", Trouble::OtherName),
    ("not valid for name", Trouble::OtherName),
    ("expired", Trouble::OutOfTime),
    ("notvalidyet", Trouble::OutOfTime),
    ("not valid yet", Trouble::OutOfTime),
    ("unknownissuer", Trouble::Untrusted),
    ("invalid peer certificate", Trouble::Untrusted),
    ("certificate", Trouble::Untrusted),
    ("corrupt message", Trouble::OtherProtocol),
    ("invalidcontenttype", Trouble::OtherProtocol),
    ("frame with invalid size", Trouble::OtherProtocol),
    ("invalid http version", Trouble::OtherProtocol),
    ("http2 error", Trouble::OtherProtocol),
    ("connection refused", Trouble::Refused),
    ("permission denied", Trouble::Denied),
    ("timed out", Trouble::Slow),
];

impl Trouble {
    /// Tells what is behind an error that came up on the way to `url`.
    pub(super) fn of(error: &(dyn Error + 'static), url: &Url) -> impl Future<Output = Self> + Send + use<> {
        let (told, url) = (Self::told(error), url.clone());
        async move {
            match told {
                Ok(trouble) => trouble,
                Err(trouble) if resolves(&url).await => trouble,
                Err(_) => Self::NoName,
            }
        }
    }

    /// The trouble, or what it is unless the name does not resolve: for that the libraries have too many words.
    fn told(error: &(dyn Error + 'static)) -> Result<Self, Self> {
        let chain = chain(error);
        let texts: Vec<_> = chain.iter().map(|link| link.to_string().to_ascii_lowercase()).collect();
        let words = texts.join(": ");
        if let Some((_, trouble)) = WORDS.iter().find(|(word, _)| words.contains(word)) {
            return Ok(trouble.clone());
        }
        let kinds: Vec<_> =
            chain.iter().filter_map(|link| link.downcast_ref::<io::Error>()).map(io::Error::kind).collect();
        Err(match kinds.first() {
            Some(
                io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe,
            ) => Self::OtherProtocol,
            _ => Self::Other(chain.last().map(ToString::to_string).unwrap_or_default()),
        })
    }

    /// What happened, in words.
    pub(super) fn detail(&self, url: &Url) -> String {
        let host = url.host_str().unwrap_or_default();
        match self {
            Self::NoName => format!("the name {host} does not resolve"),
            Self::Refused => {
                format!("the connection to {} is refused: nothing listens there", authority(url))
            }
            Self::Untrusted => {
                format!("{host} shows a certificate of an authority that this machine does not trust")
            }
            Self::OtherName => format!("the certificate that {host} shows is for another name"),
            Self::OutOfTime => format!("the certificate that {host} shows is expired or not valid yet"),
            Self::OwnCertificate => {
                format!("{host} asks for a client certificate, and accepts none that it got")
            }
            Self::OtherProtocol => format!("what listens at {} speaks another protocol", authority(url)),
            Self::Denied => "permission is denied".to_owned(),
            Self::Slow => format!("{host} did not answer within {} seconds", STEP_DEADLINE.as_secs()),
            Self::Other(text) => format!("{host} does not answer: {text}"),
        }
    }

    /// What to do about a host whose address is right: it is Microsoft's, and no setting names it.
    pub(super) fn fix_way_to(&self, url: &Url) -> String {
        match self {
            Self::Untrusted | Self::OutOfTime => self.fix(""),
            Self::NoName => format!(
                "Let this machine resolve {}: mend its name service, or set HTTPS_PROXY if this network has a proxy.",
                url.host_str().unwrap_or_default()
            ),
            _ => format!(
                "Let this machine reach {} (firewall), or set HTTPS_PROXY if this network has a proxy.",
                authority(url)
            ),
        }
    }

    /// What to do about a host whose address is in `setting`.
    pub(super) fn fix(&self, setting: &str) -> String {
        match self {
            Self::NoName => format!("Correct the host in {setting}, or the name service of this machine."),
            Self::Refused => format!("Correct host and port in {setting}, or start what should listen there."),
            Self::Untrusted => {
                "Name a PEM file with that authority in EXTRA_CA_FILE; a proxy that opens TLS has one of its own."
                    .to_owned()
            }
            Self::OtherName => format!("Write the name that the certificate is for in {setting}."),
            Self::OutOfTime => "Set the clock of this machine right, or have that certificate renewed.".to_owned(),
            Self::OwnCertificate => "Present a certificate of an authority that the other side trusts.".to_owned(),
            Self::OtherProtocol => format!("Check scheme and port in {setting}."),
            Self::Denied => format!("Give this user access to what {setting} names, or run as its owner."),
            Self::Slow | Self::Other(_) => {
                "Let the firewall pass it, or set HTTPS_PROXY if this network has a proxy.".to_owned()
            }
        }
    }
}

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port_or_known_default().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// An error and what is behind it. What an `io::Error` wraps is not its source, so it is looked for separately.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> Vec<&'a (dyn Error + 'static)> {
    let mut links: Vec<&'a (dyn Error + 'static)> = Vec::new();
    let mut next = Some(error);
    while let Some(link) = next.filter(|_| links.len() < 16) {
        links.push(link);
        let wrapped = link.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => link.source(),
        };
    }
    links
}

async fn resolves(url: &Url) -> bool {
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return false };
    let host = host.trim_matches(['[', ']']);
    match tokio::time::timeout(STEP_DEADLINE, lookup_host((host, port))).await {
        Ok(Ok(mut addresses)) => addresses.next().is_some(),
        _ => false,
    }
}
