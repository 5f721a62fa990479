//! The commands of the pages, run in the order in which they stand, with nothing but what the page told.
//!
//! How a page says what is not run, what runs on and what is shown stands in CONTRIBUTING.md.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use e2e::processes::{Ports, binaries};

use self::azure::Azure;
use self::page::{Block, REASONS, blocks};
use self::shell::Shell;

pub(crate) mod azure;
mod page;
mod shell;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// Pages that are walked.
const PAGES: [&str; 5] =
    ["README.md", "docs/real-tenant.md", "docs/clients.md", "proto/README.md", "tests/clients/README.md"];
const INSTALL_AZ: &str = "tests/setup.sh azure (make setup)";

fn page(name: &str) -> Vec<Block> {
    let text = std::fs::read_to_string(Path::new(ROOT).join(name)).unwrap();
    blocks(&text).unwrap_or_else(|fault| panic!("{name}, {fault}"))
}

/// What a reader puts in the place of ours: the lines that end with `# yours`.
type Yours<'a> = &'a [(&'a str, &'a str)];

/// A folder like a clone of the repository, a shell for each terminal, and what is different here from what is printed.
struct Reader {
    folder: tempfile::TempDir,
    environment: BTreeMap<String, String>,
    terminals: BTreeMap<u32, Shell>,
    /// Addresses as they are documented, and as they are here: tests run side by side.
    addresses: Vec<(String, String)>,
}

impl Reader {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        for entry in std::fs::read_dir(ROOT).unwrap() {
            let path = entry.unwrap().path().canonicalize().unwrap();
            let name = path.file_name().unwrap().to_owned();
            if !matches!(name.to_str(), Some("target" | ".local" | ".git")) {
                std::os::unix::fs::symlink(&path, here.join(name)).unwrap();
            }
        }
        crate::leaks::build_services();
        let built = binaries().unwrap();
        std::fs::create_dir(here.join("target")).unwrap();
        for profile in ["debug", "release"] {
            std::os::unix::fs::symlink(&built, here.join("target").join(profile)).unwrap();
        }
        let cargo = here.join("target/cargo");
        std::fs::write(&cargo, format!("#!/bin/sh\nbuilt={}\n{CARGO}", built.display())).unwrap();
        std::process::Command::new("chmod").arg("+x").arg(&cargo).status().unwrap();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let home = here.join("target/home");
        std::fs::create_dir(&home).unwrap();
        let mut environment = BTreeMap::from([("PATH".to_owned(), path.display().to_string())]);
        environment.insert("CARGO".to_owned(), cargo.display().to_string());
        environment.insert("HOME".to_owned(), home.display().to_string());
        environment.insert("UP_FREE_PORTS".to_owned(), "true".to_owned());
        // Packages are those that were fetched with the other clients: a test asks no registry.
        let wheels = here.join("tests/clients/.wheels").display().to_string();
        environment.extend(
            [("PIP_NO_INDEX", "1".to_owned()), ("PIP_FIND_LINKS", wheels)].map(|(k, v)| (k.to_owned(), v)),
        );
        Self { folder, environment, terminals: BTreeMap::new(), addresses: Vec::new() }
    }

    fn knows(&mut self, name: &str, value: &impl ToString) {
        self.environment.insert(name.to_owned(), value.to_string());
    }

    fn finds_programs_in(&mut self, folder: &Path) {
        let path = self.environment.get("PATH").cloned().unwrap_or_default();
        self.knows("PATH", &format!("{}:{path}", folder.display()));
    }

    /// Walks the page, and says what was left out.
    #[expect(clippy::print_stdout, reason = "what was run, and what was not, is what this test tells")]
    async fn walk(&mut self, name: &str, yours: Yours<'_>) {
        for block in page(name) {
            let what = format!("{name}, line {}", block.line);
            if let Some(reason) = &block.not_run {
                println!("{what}: not run: {reason}");
                continue;
            }
            let commands = self.as_here(&replace_yours(&block.commands, yours).unwrap_or_else(|line| {
                panic!("{what}: the test has nothing of its own for {line:?}");
            }));
            let shown = self.run(&block, &commands).await.unwrap_or_else(|why| panic!("{what}: {why}"));
            println!("{what}: run");
            self.addresses.extend(announced(&shown));
        }
    }

    async fn run(&mut self, block: &Block, commands: &str) -> Result<String, String> {
        if !self.terminals.contains_key(&block.terminal) {
            let notes = self.folder.path().join("target/notes").join(block.terminal.to_string());
            let shell = Shell::open(self.folder.path(), &notes, &self.environment).await;
            self.terminals.insert(block.terminal, shell);
        }
        let shell = self.terminals.get_mut(&block.terminal).unwrap();
        shell.run(block, commands).await
    }

    async fn run_line(&mut self, commands: &str) -> String {
        let block = Block { terminal: 1, ..Block::default() };
        self.run(&block, commands).await.unwrap_or_else(|why| panic!("{commands}: {why}"))
    }

    fn as_here(&self, commands: &str) -> String {
        self.addresses.iter().fold(commands.to_owned(), |text, (from, to)| text.replace(from, to))
    }
}

/// What `make` calls: everything is built already, by whoever runs the tests.
const CARGO: &str = r#"
[ "$1" != build ] || exit 0
while [ $# -gt 0 ] && [ "$1" != --bin ]; do shift; done
binary=$2
shift 2
[ "$1" != -- ] || shift
exec "$built/$binary" "$@"
"#;

/// The commands with the reader's own values; the line that nothing is known for, if there is one.
fn replace_yours(commands: &str, yours: Yours<'_>) -> Result<String, String> {
    let line = |line: &str| {
        if !line.contains("# yours") {
            return Ok(line.to_owned());
        }
        let name = line.split('=').next().unwrap_or_default();
        let own = yours.iter().find(|(known, _)| *known == name).ok_or_else(|| line.to_owned())?;
        Ok(format!("{name}={}", own.1))
    };
    Ok(commands.lines().map(line).collect::<Result<Vec<_>, String>>()?.join("\n"))
}

/// Addresses that `make up` announces, beside those that are documented.
fn announced(output: &str) -> Vec<(String, String)> {
    let documented = [("token broker", "127.0.0.1:50051"), ("MCP endpoint", "127.0.0.1:8080")];
    let here = |(name, documented): (&str, &str)| {
        let line = output.lines().find_map(|line| line.trim().strip_prefix(name))?;
        let address = line.trim().trim_start_matches("http://").split(['/', ' ']).next()?;
        Some((documented.to_owned(), address.to_owned()))
    };
    documented.into_iter().filter_map(here).collect()
}

fn free_address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], Ports::free().unwrap().gateway))
}

/// The Azure CLI itself, unchanged, as it was installed for this test.
fn azure_cli() -> PathBuf {
    let az = Path::new(ROOT).join("tests/azure/.venv/bin/az");
    assert!(az.exists(), "the Azure CLI is missing: {INSTALL_AZ}");
    az.canonicalize().unwrap()
}

#[tokio::test]
async fn a_tenant_is_set_up_by_its_page_and_carol_signs_in() {
    let mut reader = Reader::new();
    let (gateway, world) = (free_address(), tempfile::tempdir().unwrap());
    let azure = Azure::start(world.path(), gateway).await;
    let programs = world.path().join("bin");
    std::fs::create_dir(&programs).unwrap();
    std::os::unix::fs::symlink(azure_cli(), programs.join("az")).unwrap();
    reader.finds_programs_in(&programs);
    reader.environment.extend(azure.environment.clone());
    reader.knows("AZURE_CONFIG_DIR", &world.path().join("az").display());
    reader.knows("AZURE_CORE_COLLECT_TELEMETRY", &"false");
    // Ports of their own, for tests run side by side; the page has the defaults.
    reader.knows("GATEWAY_LISTEN", &gateway);
    for name in ["GATEWAY_ADMIN_LISTEN", "BROKER_ADMIN_LISTEN"] {
        reader.knows(name, &"127.0.0.1:0");
    }
    let (id, secret) = (emulator::DEPLOYER_CLIENT_ID, emulator::DEPLOYER_CLIENT_SECRET);
    let tenant = emulator::TENANT_ID;
    reader.run_line(&format!("az login --service-principal -u {id} -p {secret} --tenant {tenant}")).await;

    let yours = [
        ("PUBLIC_URL", "https://mcp.contoso.com/mcp"),
        ("PERSON", "carol@contoso.com"),
        ("SUBSCRIPTION", emulator::PROD_SUBSCRIPTION),
    ];
    reader.walk("docs/real-tenant.md", &yours).await;

    let client = format!(
        "MCP_CLIENT_ID={} SIGN_IN='emulator_person=carol&emulator_consent=accept' tests/clients/run sign_in_python.py \
         https://mcp.contoso.com/mcp --call list_subscriptions '{{}}'",
        emulator::VSCODE_CLIENT_ID
    );
    let said = reader.run_line(&client).await;
    assert!(said.contains("Contoso Prod"), "{said}");
    assert!(azure.emulator.counts().exchanges > 0, "it was On-Behalf-Of");
    assert!(azure.public_certificate().starts_with("-----BEGIN"), "TLS was ended in front");
}

#[tokio::test]
async fn a_first_exchange_is_made_by_its_page() {
    let mut reader = Reader::new();
    let (broker, consumer) = (free_address().to_string(), free_address().to_string());
    let broker = broker.replace("127.0.0.1", "localhost");
    reader.walk("proto/README.md", &[("BROKER", &broker), ("LISTEN", &consumer)]).await;
}

#[tokio::test]
async fn the_first_page_can_be_walked() {
    Reader::new().walk("README.md", &[]).await;
}

#[tokio::test]
async fn a_client_connects_as_its_page_says() {
    let mut reader = Reader::new();
    let clients = Path::new(ROOT).join("tests/clients").canonicalize().unwrap();
    let up =
        Block { terminal: 2, until: Some("Configuration for an MCP client".to_owned()), ..Block::default() };
    let said = reader.run(&up, "make up").await.unwrap_or_else(|why| panic!("{why}"));
    let (_, prometheus) = said.split_once("Prometheus at http://").expect("`make setup` has installed it");
    let prometheus = prometheus.lines().next().unwrap();
    testkit::eventually(prometheus, async || tokio::net::TcpStream::connect(prometheus).await.is_ok()).await;
    let (_, gateway) =
        announced(&said).into_iter().find(|(documented, _)| documented.ends_with("8080")).unwrap();
    // Where the reader has a browser and has installed the client: ours have no window, and are those of the tests.
    reader.knows("BROWSER", &clients.join("bin/xdg-open").display());
    reader.knows("BROWSER_LOG", &reader.folder.path().join("target/visits").display());
    for entry in std::fs::read_dir(clients.join("node_modules")).expect("make setup").flatten() {
        if entry.file_name().to_string_lossy().starts_with("node-linux-") {
            reader.finds_programs_in(&entry.path().join("bin"));
        }
    }
    for name in ["node_modules", "package.json"] {
        std::os::unix::fs::symlink(clients.join(name), reader.folder.path().join(name)).unwrap();
    }
    let ca = reader.folder.path().join(".local/stack/ca.pem");
    reader.knows("CA_FILE", &ca.display());
    reader.knows("NODE_EXTRA_CA_CERTS", &ca.display());
    reader.knows("SIGN_IN", &"emulator_person=alice&emulator_consent=accept&emulator_mfa=true");
    let url = format!("http://{gateway}/mcp");
    reader.walk("docs/clients.md", &[("URL", &url), ("CLIENT_ID", emulator::PUBLIC_CLIENT_ID)]).await;

    reader.addresses.extend(announced(&said));
    reader.walk("tests/clients/README.md", &[]).await;
}

/// A command that no test runs says so itself.
#[test]
fn each_block_is_run_or_says_why_not() {
    for name in every_page().filter(|name| !PAGES.contains(&name.as_str())) {
        for block in page(&name) {
            assert!(
                block.not_run.is_some(),
                "{name}, line {}: no test runs it, and it says no reason",
                block.line
            );
        }
    }
}

/// Pages for people.
fn every_page() -> impl Iterator<Item = String> {
    let alone = ["CONTRIBUTING.md", "SECURITY.md", "deploy/README.md"].map(str::to_owned);
    let folder = std::fs::read_dir(Path::new(ROOT).join("docs")).unwrap();
    let names = folder.map(|entry| format!("docs/{}", entry.unwrap().file_name().display()));
    let pages = names.filter(|name| Path::new(name).extension().is_some_and(|end| end == "md"));
    pages.chain(alone).chain(PAGES.map(str::to_owned))
}

/// A reason that no page gives any more does not stay in the list.
#[test]
fn each_reason_not_to_run_a_block_is_some_blocks() {
    let given: Vec<_> = every_page().flat_map(|name| page(&name)).filter_map(|block| block.not_run).collect();
    for reason in REASONS {
        assert!(given.iter().any(|given| given == reason), "no block says {reason:?}");
    }
}
