//! The fan-out: runs the parts of a command, and waits for them as long as it is worth it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use super::branch::{Branch, Label};
use super::live::Live;
use super::merge::{self, Told};
use crate::commands::{CommandResult, Context, Outcome};
use crate::error::{CommandError, Exit, Hop};
use crate::output::{self, Settings};

/// How many parts are on their way at once.
const AT_ONCE: usize = 16;
/// A part that waits longer for its daemon leaves its place to another.
const PATIENCE: Duration = Duration::from_secs(1);
/// What a part that may be left has, once the others have ended, after the last of them that succeeded.
const GRACE: Duration = Duration::from_millis(1500);

/// What a part does, as far as the others are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::commands) enum Form {
    /// It ends with an output.
    Table,
    /// It prints while it runs, and ends.
    Lines,
    /// It prints until somebody interrupts it.
    Endless,
    /// The first that ends is enough.
    First,
}

/// What is heard of a part.
#[derive(Debug)]
pub(in crate::commands) enum News {
    /// Its daemon has introduced itself.
    Connected,
    /// It has ended.
    Ended(CommandResult),
}

/// The command for one daemon.
pub(in crate::commands) type Work = Arc<dyn Fn(&Context) -> CommandResult + Send + Sync>;

/// Runs every part on a thread of its own, and makes one outcome of all. Failures are told on stderr, a line
/// for each.
pub(in crate::commands) fn run(
    settings: &Settings,
    branches: Vec<Branch>,
    form: Form,
    work: Work,
) -> CommandResult {
    let mut fan = Fan::new(settings, branches, form, work);
    let mut live = (form == Form::Table)
        .then(|| Live::start(settings))
        .flatten();
    while fan.goes_on() {
        fan.start_more();
        fan.hear();
        if let Some(live) = &mut live {
            live.show(
                || merge::merge(fan.told(), settings),
                &fan.waiting(),
                fan.parts.len(),
            );
        }
    }
    drop(live);
    Ok(fan.outcome())
}

/// A part and how far it is.
struct Branching {
    label: Label,
    may_be_left: bool,
    searches: bool,
    state: State,
}

impl Branching {
    /// The error, if it looked for something where that is not.
    fn missed(&self) -> Option<&CommandError> {
        match &self.state {
            State::Ended(Err(error)) if self.searches => {
                (error.exit == Exit::NotFound).then_some(error)
            }
            _ => None,
        }
    }
}

enum State {
    /// Not begun.
    Waiting(Box<Context>),
    /// On the way to its daemon, since then.
    Connecting(Instant),
    /// At work.
    Connected,
    /// Over.
    Ended(CommandResult),
}

struct Fan<'a> {
    settings: &'a Settings,
    form: Form,
    work: Work,
    parts: Vec<Branching>,
    sender: Sender<(usize, News)>,
    news: Receiver<(usize, News)>,
    /// When the last part succeeded.
    succeeded: Option<Instant>,
}

impl<'a> Fan<'a> {
    fn new(settings: &'a Settings, branches: Vec<Branch>, form: Form, work: Work) -> Self {
        let (sender, news) = mpsc::channel();
        let part = |branch: Branch| Branching {
            label: branch.label,
            may_be_left: branch.may_be_left,
            searches: branch.searches,
            state: match branch.context {
                Ok(context) => State::Waiting(Box::new(context)),
                Err(error) => State::Ended(Err(error)),
            },
        };
        let fan = Self {
            settings,
            form,
            work,
            parts: branches.into_iter().map(part).collect(),
            sender,
            news,
            succeeded: None,
        };
        fan.parts.iter().for_each(|part| fan.tell_soon(part));
        fan
    }

    fn goes_on(&self) -> bool {
        let ended = |part: &Branching| matches!(part.state, State::Ended(_));
        match self.form {
            Form::First if self.succeeded.is_some() => false,
            _ => !self.parts.iter().all(ended),
        }
    }

    /// Starts parts for which there is a place.
    fn start_more(&mut self) {
        let busy = |part: &&Branching| match part.state {
            State::Connecting(since) => since.elapsed() < PATIENCE,
            State::Connected => true,
            State::Waiting(_) | State::Ended(_) => false,
        };
        let mut places = AT_ONCE.saturating_sub(self.parts.iter().filter(busy).count());
        // What prints until it is interrupted never leaves its place.
        if matches!(self.form, Form::Endless | Form::First) {
            places = self.parts.len();
        }
        for (index, part) in self.parts.iter_mut().enumerate() {
            if places == 0 {
                return;
            }
            let connecting = State::Connecting(Instant::now());
            part.state = match std::mem::replace(&mut part.state, connecting) {
                State::Waiting(context) => {
                    places -= 1;
                    start(
                        index,
                        *context,
                        &part.label,
                        self.work.clone(),
                        self.sender.clone(),
                    )
                }
                other => other,
            };
        }
    }

    /// Waits for news, or until something else is to be done.
    fn hear(&mut self) {
        /// How often the display and the places are looked at.
        const TICK: Duration = Duration::from_millis(100);
        match self.news.recv_timeout(TICK) {
            Ok((index, news)) => self.note(index, news),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
        while let Ok((index, news)) = self.news.try_recv() {
            self.note(index, news);
        }
        self.leave_the_slow();
    }

    fn note(&mut self, index: usize, news: News) {
        let part = &mut self.parts[index];
        part.state = match news {
            News::Connected => State::Connected,
            News::Ended(result) => {
                let ok = result.is_ok();
                part.state = State::Ended(result);
                self.tell_soon(&self.parts[index]);
                if ok {
                    self.succeeded = Some(Instant::now());
                }
                return;
            }
        };
    }

    /// Gives up the parts that are still on the way when nobody else is.
    fn leave_the_slow(&mut self) {
        let Some(succeeded) = self.succeeded else {
            return;
        };
        // An endless part that succeeds was interrupted, and so were the others.
        let interrupted = self.form == Form::Endless;
        let over = |part: &Branching| match part.state {
            State::Ended(_) => true,
            State::Connecting(since) => {
                interrupted || (part.may_be_left && since.elapsed() >= GRACE)
            }
            State::Waiting(_) | State::Connected => false,
        };
        let late = interrupted || succeeded.elapsed() >= GRACE;
        if !late || !self.parts.iter().all(over) {
            return;
        }
        for part in &mut self.parts {
            if let State::Connecting(since) = part.state {
                part.state = State::Ended(match interrupted {
                    true => Ok(Outcome::default()),
                    false => Err(left(since.elapsed())),
                });
            }
        }
    }

    fn told(&self) -> Vec<Told<'_>> {
        let told = self.parts.iter().filter_map(|part| match &part.state {
            State::Ended(Ok(outcome)) => Some((&part.label, &outcome.output)),
            _ => None,
        });
        told.collect()
    }

    fn waiting(&self) -> Vec<String> {
        let waits = |part: &&Branching| !matches!(part.state, State::Ended(_));
        let parts = self.parts.iter().filter(waits);
        parts.map(|part| part.label.to_string()).collect()
    }

    /// Returns whether failures are told at once: where no table is to come that they would get lost above.
    fn tells_soon(&self) -> bool {
        matches!(self.form, Form::Lines | Form::Endless)
    }

    fn tell_soon(&self, part: &Branching) {
        // Whether something is nowhere is known at the end.
        if let State::Ended(Err(error)) = &part.state
            && self.tells_soon()
            && part.missed().is_none()
        {
            let line = merge::failure(&part.label, error, self.settings);
            output::write_stderr(&format!("{line}\n"));
        }
    }

    /// Returns whether another part found what this one looked for in vain: then that is no failure.
    fn is_elsewhere(&self, part: &Branching) -> bool {
        let found = |other: &Branching| {
            let ok = matches!(other.state, State::Ended(Ok(_)));
            ok && other.searches && other.label.id == part.label.id
        };
        part.missed().is_some() && self.parts.iter().any(found)
    }

    fn outcome(self) -> Outcome {
        let output = merge::merge(self.told(), self.settings);
        let (mut exits, mut failures) = (Vec::new(), Vec::new());
        for part in self.parts.iter().filter(|part| !self.is_elsewhere(part)) {
            match &part.state {
                State::Ended(Ok(outcome)) => exits.push(outcome.exit),
                State::Ended(Err(error)) => {
                    exits.push(error.exit);
                    if !self.tells_soon() || part.missed().is_some() {
                        failures.push(merge::failure(&part.label, error, self.settings));
                    }
                }
                _ => {}
            }
        }
        Outcome {
            output,
            exit: super::exit(exits),
            failures,
            ..Outcome::default()
        }
    }
}

/// Starts a part.
fn start(
    index: usize,
    mut context: Context,
    label: &Label,
    work: Work,
    sender: Sender<(usize, News)>,
) -> State {
    context.part.index = index;
    context.part.connected = Some(sender.clone());
    context.output.label = Some(output::Label::new(
        label.to_string(),
        label.remote.clone(),
        index,
    ));
    let thread = std::thread::Builder::new().spawn(move || {
        // A part that panics must not leave the others waiting for it.
        let result = catch_unwind(AssertUnwindSafe(|| work(&context)));
        let result = result.unwrap_or_else(|_| Err(CommandError::internal("it panicked")));
        // Nobody listens any more when it was given up.
        let _ = sender.send((index, News::Ended(result)));
    });
    match thread {
        Ok(_) => State::Connecting(Instant::now()),
        Err(error) => {
            let failed = CommandError::internal("a thread cannot start").because(error);
            State::Ended(Err(failed))
        }
    }
}

/// The words for a part that was given up.
fn left(after: Duration) -> CommandError {
    let seconds = after.as_secs_f64();
    let message = format!("no answer within {seconds:.1} s, and the others have answered");
    CommandError::new("TIMEOUT", Exit::Timeout, message)
        .at(Hop::Daemon)
        .retryable()
        .hint("--connect-timeout 10s waits longer")
}
