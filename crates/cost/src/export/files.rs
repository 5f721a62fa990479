//! Fetches a report's files, one after the other, each from where it broke off.

use bytes::Bytes;
use tokio::time::sleep;
use url::Url;

use super::Run;
use super::door::{ExportDoor, Fault};
use super::order::Built;
use super::pipe::Pipe;
use crate::client::{Download, Resume};
use crate::error::Error;
use crate::period::Period;
use crate::query::Metric;

/// How often one file is gone on with.
const MOST_RESUMES: u32 = 10;
/// How often new links are asked for, of one report.
const MOST_LINKS: u32 = 5;

/// A report whose files are being fetched.
pub(super) struct Files {
    asked: (Period, Metric),
    built: Built,
    links_left: u32,
}

/// How far a file has come.
#[derive(Default)]
struct Place {
    at: u64,
    /// Which version it is of, where the storage tells.
    begun: Option<Resume>,
    /// Whether what came are the bytes of the file itself.
    plain: bool,
}

impl Files {
    pub(super) const fn new(asked: (Period, Metric), built: Built) -> Self {
        Self { asked, built, links_left: MOST_LINKS }
    }
}

impl<D: ExportDoor> Run<'_, D> {
    pub(super) async fn fetch(&self, mut files: Files, pipe: &Pipe) -> Result<(), Fault<D::Refused>> {
        let count = files.built.manifest.links().count();
        self.progress.has_files(count, files.built.manifest.announced_bytes().unwrap_or(0));
        for number in 0..count {
            pipe.file(files.asked.1).await?;
            self.file(&mut files, number, pipe).await?;
            self.progress.blob_done();
        }
        Ok(())
    }

    /// A file from its first byte to its last, over as many connections and links as that takes.
    async fn file(&self, files: &mut Files, number: usize, pipe: &Pipe) -> Result<(), Fault<D::Refused>> {
        let mut place = Place::default();
        let mut resumes = 0;
        loop {
            let ended = files.built.has_ended(self.client.now()) && files.links_left > 0;
            let came = if ended { None } else { Some(self.some_of(files, number, &mut place, pipe).await) };
            match came {
                // Without any left it is fetched all the same: it is the storage that knows.
                None => self.renew(files).await?,
                Some(Err(Fault::Azure(Error::ReportLinkExpired(_)))) if files.links_left > 0 => {
                    self.renew(files).await?;
                }
                Some(Err(Fault::Azure(error)))
                    if resumes < MOST_RESUMES && place.can_go_on() && is_cut(&error) =>
                {
                    tracing::info!(
                        code = error.code(),
                        at = place.at,
                        "a report file broke off and is gone on with"
                    );
                    resumes += 1;
                    self.before_resuming(&error).await;
                }
                Some(Err(error)) => return Err(error),
                Some(Ok(())) => return Ok(place.is_whole(files.announced(number))?),
            }
        }
    }

    async fn before_resuming(&self, error: &Error) {
        let settings = self.client.settings();
        let pause = error.retry_after().unwrap_or(settings.broken_pause);
        sleep(pause.min(settings.reports.longest_pause)).await;
    }

    /// What one connection brings of a file, from its place on.
    async fn some_of(
        &self,
        files: &Files,
        number: usize,
        place: &mut Place,
        pipe: &Pipe,
    ) -> Result<(), Fault<D::Refused>> {
        let url = self.link(&files.built, number)?;
        let mut download = self.client.download(&url, place.begun.as_ref()).await?;
        place.begins(&download);
        loop {
            let at = download.at();
            let Some(bytes) = download.next().await? else { return Ok(()) };
            let bytes = place.unread(at, &bytes);
            if bytes.is_empty() {
                continue;
            }
            self.progress.read(bytes.len());
            place.moved(bytes.len());
            pipe.bytes(bytes).await?;
        }
    }

    /// The link to a file, if its host may be trusted.
    fn link(&self, built: &Built, number: usize) -> Result<Url, Error> {
        let link = built.manifest.links().nth(number);
        let link = link.ok_or(Error::DamagedReport { what: "it has fewer files than before" })?;
        self.client.blob_link(link).map_err(|error| error.in_answer(|| built.answer.described()))
    }

    /// Asks for new links to the same files.
    async fn renew(&self, files: &mut Files) -> Result<(), Fault<D::Refused>> {
        const ANOTHER: Error =
            Error::DamagedReport { what: "its files became others while they were fetched" };
        tracing::info!("the links to report files have ended: new ones are asked for");
        files.links_left -= 1;
        let built = self.again(files.asked, files.built.operation.as_ref()).await?.ok_or(ANOTHER)?;
        if built.manifest.links().count() != files.built.manifest.links().count() {
            return Err(ANOTHER.into());
        }
        files.built = built;
        Ok(())
    }
}

impl Files {
    /// The size that Azure says a file has.
    fn announced(&self, number: usize) -> Option<u64> {
        self.built.manifest.sizes().nth(number).flatten()
    }
}

impl Place {
    fn begins(&mut self, download: &Download) {
        if self.begun.is_some() {
            return;
        }
        self.plain = download.is_plain();
        self.begun = download.version().map(|etag| Resume { at: self.at, etag: etag.clone() });
    }

    /// The part of these bytes, which stand at `at`, that has not come before: a server may begin anew.
    fn unread(&self, at: u64, bytes: &Bytes) -> Bytes {
        let known = usize::try_from(self.at.saturating_sub(at)).unwrap_or(usize::MAX);
        bytes.slice(known.min(bytes.len())..)
    }

    fn moved(&mut self, bytes: usize) {
        self.at += bytes as u64;
        if let Some(begun) = &mut self.begun {
            begun.at = self.at;
        }
    }

    /// Whether what is missing can be had alone, of the same version; or nothing came yet.
    const fn can_go_on(&self) -> bool {
        self.at == 0 || self.begun.is_some()
    }

    /// Refuses a file of another size than Azure announced. What was decompressed on the way has another.
    fn is_whole(&self, announced: Option<u64>) -> Result<(), Error> {
        match announced.filter(|bytes| self.plain && *bytes > 0) {
            Some(bytes) if bytes != self.at => {
                Err(Error::DamagedReport { what: "a file has another size than Azure announced" })
            }
            _ => Ok(()),
        }
    }
}

/// Whether the rest of a file may come on another connection.
const fn is_cut(error: &Error) -> bool {
    matches!(error, Error::Unreachable(_) | Error::DeadlineExceeded(_) | Error::AzureUnavailable { .. })
}
