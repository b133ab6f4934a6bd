//! `paseo agent feature`: show or set the options that only one provider has.

use serde_json::{Value, json};

use super::{ls::short_id, resolve};
use crate::commands::failure::Doing;
use crate::commands::{CommandResult, Context, Reference};
use crate::complete;
use crate::error::{CommandError, Exit};
use crate::output::{Column, Output, Row, Table};
use crate::protocol::agents::{AgentSnapshot, Feature};
use crate::protocol::lifecycle::SetFeature;

const DOING: Doing = Doing {
    code: "FEATURE_OPERATION_FAILED",
    what: "Failed to set feature",
};

/// Arguments of `paseo agent feature`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Id of the agent, the beginning of it, or its title
    #[arg(value_name = "id", add = complete::agents())]
    pub id: Reference,

    /// The feature to set; without it, list the features
    #[arg(value_name = "feature", requires = "value")]
    pub feature: Option<String>,

    /// Its new value: on or off, or one of the listed values
    #[arg(value_name = "value")]
    pub value: Option<String>,
}

/// Sets a feature of an agent, or lists its features.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let request = resolve::named(args.id.on(context))?;
    let agent = context.with_daemon_and(&request, async |daemon, reply| {
        let mut agent = resolve::found(reply, DOING)?;
        if let (Some(id), Some(value)) = (&args.feature, &args.value) {
            let value = read(find(&agent, id)?, value);
            let request = SetFeature {
                agent_id: agent.id.clone(),
                feature_id: id.clone(),
                value: value.clone(),
            };
            let reply = daemon.call(&request).await.map_err(|e| DOING.error(e))?;
            resolve::accepted(reply, DOING)?;
            let mut features = features(&agent);
            features.retain(|feature| feature.id() == id);
            features.iter_mut().for_each(|it| it.set(value.clone()));
            agent.features = Some(json!(features));
        }
        Ok(agent)
    })?;
    let rows = features(&agent).into_iter().map(|it| row(&agent, &it));
    Ok(Output::List(Table {
        columns: vec![
            Column("FEATURE", 20),
            Column("LABEL", 25),
            Column("VALUE", 15),
            Column("CHOICES", 40),
        ],
        rows: rows.collect(),
    })
    .into())
}

/// The features that this version can read.
fn features(agent: &AgentSnapshot) -> Vec<Feature> {
    let all = agent.features.as_ref().and_then(Value::as_array);
    let all = all.into_iter().flatten().cloned();
    all.filter_map(|feature| serde_json::from_value(feature).ok())
        .collect()
}

fn find(agent: &AgentSnapshot, id: &str) -> Result<Feature, CommandError> {
    let mut features = features(agent).into_iter();
    features.find(|feature| feature.id() == id).ok_or_else(|| {
        let message = format!("agent {} has no feature '{id}'", short_id(&agent.id));
        CommandError::new("FEATURE_NOT_FOUND", Exit::NotFound, message).hint(format!(
            "see its features with: paseo agent feature {}",
            short_id(&agent.id)
        ))
    })
}

/// Reads a value as the feature has it. What is none of its values is left to the daemon, which names them.
fn read(feature: Feature, typed: &str) -> Value {
    match (feature, typed) {
        (Feature::Toggle { .. }, "on" | "true") => Value::Bool(true),
        (Feature::Toggle { .. }, "off" | "false") => Value::Bool(false),
        (_, typed) => Value::from(typed),
    }
}

fn row(agent: &AgentSnapshot, feature: &Feature) -> Row {
    let value = match feature.value() {
        Value::Bool(true) => "on".to_owned(),
        Value::Bool(false) => "off".to_owned(),
        Value::String(text) => text,
        _ => String::new(),
    };
    let choices = feature.choices();
    let data = json!({ "agentId": agent.id, "fullAgentId": agent.id, "id": feature.id(), "label": feature.label(),
        "value": feature.value(), "choices": choices });
    let cells = vec![
        feature.id().into(),
        feature.label().into(),
        value.as_str().into(),
        choices.join(", ").as_str().into(),
    ];
    Row::new(feature.id().to_owned(), cells, &data)
}
