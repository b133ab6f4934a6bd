//! `paseo relay check`.

mod echo;
mod fault;

use std::future::Future;
use std::time::{Duration, Instant};

use bytes::Bytes;
use bytesize::ByteSize;
use clap::Args as ClapArgs;

use self::echo::{both_ways, close, told};
use self::fault::{refusal, step};
use crate::commands::report::{Report, Verdict};
use crate::commands::runtime::run_async;
use crate::commands::secret_source::SecretSource;
use crate::commands::{CommandResult, Context};
use crate::error::CommandError;
use crate::protocol::relay::{
    ConnectQuery, ConnectionId, PATH, RelayAddress, RelayToDaemon, Seat, ServerId,
};
use crate::secret::{RelayToken, Secret};
use crate::transport::{
    self, Address, Dial, Dialed, Frame, Greeting, Network, Step, Stopwatch, Transport,
};

/// Limit for each answer of the relay, and for opening each socket.
const PATIENCE: Duration = Duration::from_secs(10);

/// Check a relay from here
///
/// Plays a daemon and its client with an id of its own, so it disturbs nobody. Fails when a daemon or a
/// client could not use the relay.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// The relay: ws://host:port, wss://host, or host:port (with TLS on port 443)
    #[arg(id = "url", value_name = "URL")]
    pub relay: RelayAddress,

    /// Size of the large frame; relays pass up to 32MiB
    #[arg(long, value_name = "SIZE", default_value = "30MiB")]
    pub large: ByteSize,

    /// How long to be silent; 2m finds proxies that cut idle connections
    #[arg(long, value_name = "DURATION", value_parser = crate::duration::parse_positive, default_value = "5s")]
    pub idle: Duration,

    /// File with the token of a private relay, or - for stdin [default: PASEO_RELAY_TOKEN]
    #[arg(long, value_name = "FILE")]
    pub relay_token: Option<SecretSource>,
}

/// What is wrong, in words; the report goes on where it makes sense.
type Checked<T> = Result<T, String>;

struct Check {
    relay: RelayAddress,
    token: Option<RelayToken>,
    network: Network,
    server: ServerId,
    report: Report,
}

pub(super) fn run(context: &Context, args: &Args) -> CommandResult {
    let id = format!("check_{}", uuid::Uuid::new_v4().simple());
    let mut check = Check {
        relay: args.relay.clone(),
        token: context.relay_token(args.relay_token.as_ref())?,
        network: context.network(&args.relay.endpoint, args.relay.uses_tls())?,
        server: ServerId::new(&id).expect("it is short and not empty"),
        report: Report::default(),
    };
    run_async(async {
        // What is wrong stands in the lines.
        let _ = check.everything(args).await;
        Ok::<_, CommandError>(())
    })?;
    Ok(check.report.outcome(&context.output))
}

impl Check {
    async fn everything(&mut self, args: &Args) -> Checked<()> {
        let mut control = self.connect().await?;
        let sync = self.line("sync", told(&mut control)).await?;
        if !matches!(sync, RelayToDaemon::Sync { .. }) {
            return self.fail("sync", "the first message is no sync");
        }
        let client = self.dial(Seat::Client(None), true);
        let client = self.line("client", client).await?;
        self.presence(client.presence.map(|it| it.is_online()));
        let mut client = client.transport;
        let id = match self.line("connected", told(&mut control)).await? {
            RelayToDaemon::Connected { connection_id } => connection_id,
            _ => return self.fail("connected", "the control socket was told something else"),
        };
        let mut data = self.data(id).await?;
        let echo = both_ways(&mut client, &mut data, Frame::Text("text".to_owned()));
        self.line("text", echo).await?;
        let small = Frame::Binary(Bytes::from_static(&[0, 255, 10]));
        let echo = both_ways(&mut client, &mut data, small);
        self.line("binary", echo).await?;
        let size = usize::try_from(args.large.as_u64()).unwrap_or(usize::MAX);
        let large = Frame::Binary(Bytes::from(vec![7; size]));
        let echo = both_ways(&mut client, &mut data, large);
        self.line("large frame", echo).await?;
        let idle = async {
            tokio::time::sleep(args.idle).await;
            both_ways(
                &mut client,
                &mut data,
                Frame::Text("still there".to_owned()),
            )
            .await
        };
        self.line("idle", idle).await?;
        let closing = close(client, &mut data);
        self.line("close", closing).await
    }

    /// Opens the control socket, a line for each step.
    async fn connect(&mut self) -> Checked<Transport> {
        let dialed = self.dial_step(Seat::Control, false).await;
        let failed = dialed.as_ref().err().map(|(step, _)| *step);
        for (step, name) in [
            (Step::Dns, "name"),
            (Step::Connect, "tcp"),
            (Step::Proxy, "proxy"),
            (Step::Tls, "tls"),
            (Step::Upgrade, "upgrade"),
        ] {
            if failed == Some(step) {
                break;
            }
            let taken = match step {
                Step::Tls => self.relay.uses_tls(),
                Step::Proxy => self.network.proxy.is_some(),
                _ => true,
            };
            if taken {
                self.add(name, Verdict::Pass, String::new());
            }
        }
        match dialed {
            Ok(dialed) => Ok(dialed.transport),
            Err((step, why)) => {
                let name = match step {
                    Step::Dns => "name",
                    Step::Connect => "tcp",
                    Step::Proxy => "proxy",
                    Step::Tls => "tls",
                    Step::Upgrade => "upgrade",
                };
                self.fail(name, &why)
            }
        }
    }

    async fn data(&mut self, id: ConnectionId) -> Checked<Transport> {
        let data = self.dial(Seat::Data(id), false);
        Ok(self.line("data", data).await?.transport)
    }

    fn presence(&mut self, online: Option<bool>) {
        let (verdict, detail) = match online {
            Some(true) => (Verdict::Pass, ""),
            Some(false) => (Verdict::Fail, "it says that the daemon is absent"),
            None => (Verdict::Warn, "it does not tell whether a daemon is there"),
        };
        self.add("presence", verdict, detail.to_owned());
    }

    /// Opens a socket in this seat. The future does not borrow the report.
    fn dial(&self, seat: Seat, ask: bool) -> impl Future<Output = Checked<Dialed>> + use<> {
        let dialed = self.dial_step(seat, ask);
        async move { dialed.await.map_err(|(_, why)| why) }
    }

    fn dial_step(
        &self,
        seat: Seat,
        ask: bool,
    ) -> impl Future<Output = Result<Dialed, (Step, String)>> + use<> {
        let query = ConnectQuery {
            server: self.server.clone(),
            seat,
        };
        let dial = Dial {
            address: Address::Tcp {
                endpoint: self.relay.endpoint.clone(),
                tls: self.relay.uses_tls(),
            },
            path: Secret::new(format!("{PATH}?{}", query.encode())),
            greeting: Greeting::Relay {
                token: self.token.clone(),
                ask_presence: ask,
            },
            timeout: PATIENCE,
            network: self.network.clone(),
            watch: Stopwatch::default(),
            session_shows_secret: false,
            on_unknown_owner: None,
        };
        async move {
            let dialed = transport::dial(&dial).await;
            dialed.map_err(|error| (step(&error), refusal(&error)))
        }
    }

    /// Does a check and reports it with the time it took.
    async fn line<T>(
        &mut self,
        name: &'static str,
        check: impl Future<Output = Checked<T>>,
    ) -> Checked<T> {
        let start = Instant::now();
        let result = check.await;
        match &result {
            Ok(_) => {
                let ms = start.elapsed().as_secs_f64() * 1000.0;
                self.add(name, Verdict::Pass, format!("{ms:.1} ms"));
            }
            Err(why) => self.add(name, Verdict::Fail, why.clone()),
        }
        result
    }

    fn fail<T>(&mut self, name: &'static str, why: &str) -> Checked<T> {
        self.add(name, Verdict::Fail, why.to_owned());
        Err(why.to_owned())
    }

    fn add(&mut self, check: &'static str, result: Verdict, detail: String) {
        // The later word on a check replaces the earlier one.
        self.report.retract(check);
        self.report.add(check, result, detail);
    }
}
