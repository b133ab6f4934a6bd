//! What can be chosen in a session: mode, model, how hard to think, and whatever else an agent has.

use serde_json::{Value, json};

use super::schema::{Choice, ConfigOption, SessionState};
use crate::daemon::providers::{Description, Settings};
use crate::protocol::agents::{Feature, FeatureOption, Mode};
use crate::protocol::providers::{Model, ThinkingOption};

/// Options without a meaning of their own that are kept.
const MAX_FEATURES: usize = 64;

/// Something that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Setting {
    Mode,
    Model,
    Thinking,
    /// Another option of the agent, by its id.
    Feature(String),
}

impl Setting {
    /// Those that every client knows.
    pub(super) const KNOWN: [Self; 3] = [Self::Mode, Self::Model, Self::Thinking];

    /// What people call it.
    pub(super) fn noun(&self) -> String {
        match self {
            Self::Mode => "mode".to_owned(),
            Self::Model => "model".to_owned(),
            Self::Thinking => "thinking option".to_owned(),
            Self::Feature(id) => format!("value of the feature '{id}'"),
        }
    }

    /// Whether a configuration option of this category is it, under any of the names that agents use.
    fn is_of(&self, category: &str) -> bool {
        match self {
            Self::Mode => category == "mode",
            Self::Model => category == "model",
            Self::Thinking => ["thought_level", "thinking"].contains(&category),
            Self::Feature(_) => false,
        }
    }
}

/// What somebody wants a setting to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) setting: Setting,
    pub(super) value: Value,
}

impl Wish {
    /// Everything that people have chosen.
    pub(super) fn all(wanted: &Settings) -> Vec<Self> {
        let known = [
            (Setting::Mode, &wanted.mode),
            (Setting::Model, &wanted.model),
            (Setting::Thinking, &wanted.thinking),
        ];
        let known = known.into_iter().filter_map(|(setting, value)| {
            let value = Value::from(value.clone()?);
            Some(Self { setting, value })
        });
        let features = wanted.features.iter().map(|(id, value)| Self {
            setting: Setting::Feature(id.clone()),
            value: value.clone(),
        });
        known.chain(features).collect()
    }

    /// The value, as people write it.
    pub(super) fn text(&self) -> String {
        match &self.value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }
}

/// The choices of one setting.
#[derive(Debug, Clone, Default)]
struct Offer {
    choices: Vec<Choice>,
    current: Option<String>,
    /// Id of its configuration option; without one it has a method of its own.
    option: Option<String>,
}

/// All of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Offers {
    mode: Offer,
    model: Offer,
    thinking: Offer,
    features: Vec<Feature>,
}

impl Offers {
    fn of(&self, setting: &Setting) -> Option<&Offer> {
        match setting {
            Setting::Mode => Some(&self.mode),
            Setting::Model => Some(&self.model),
            Setting::Thinking => Some(&self.thinking),
            Setting::Feature(_) => None,
        }
    }

    fn of_mut(&mut self, setting: &Setting) -> Option<&mut Offer> {
        match setting {
            Setting::Mode => Some(&mut self.mode),
            Setting::Model => Some(&mut self.model),
            Setting::Thinking => Some(&mut self.thinking),
            Setting::Feature(_) => None,
        }
    }

    fn feature(&self, id: &str) -> Option<&Feature> {
        self.features.iter().find(|feature| feature.id() == id)
    }

    /// Whether it is so already.
    pub(super) fn holds(&self, wish: &Wish) -> bool {
        match &wish.setting {
            Setting::Feature(id) => self.feature(id).is_some_and(|it| it.value() == wish.value),
            setting => {
                let current = self.of(setting).and_then(|offer| offer.current.as_deref());
                current.is_some() && current == wish.value.as_str()
            }
        }
    }

    /// Whether it can be chosen.
    pub(super) fn has(&self, wish: &Wish) -> bool {
        match &wish.setting {
            Setting::Feature(id) => self.feature(id).is_some_and(|it| it.takes(&wish.value)),
            setting => {
                let mut ids = self.choices(setting).into_iter();
                wish.value.as_str().is_some_and(|id| ids.any(|it| it == id))
            }
        }
    }

    /// The values to choose from.
    pub(super) fn choices(&self, setting: &Setting) -> Vec<String> {
        match (setting, self.of(setting)) {
            (Setting::Feature(id), _) => self.feature(id).map(Feature::choices).unwrap_or_default(),
            (_, offer) => {
                let choices = offer.into_iter().flat_map(|offer| &offer.choices);
                choices.filter_map(|choice| choice.value.clone()).collect()
            }
        }
    }

    /// Notes that something is so now.
    pub(super) fn set(&mut self, wish: Wish) {
        match (wish.setting, wish.value) {
            (Setting::Feature(id), value) => {
                let feature = self.features.iter_mut().find(|it| it.id() == id);
                if let Some(feature) = feature {
                    feature.set(value);
                }
            }
            (setting, Value::String(value)) => {
                if let Some(offer) = self.of_mut(&setting) {
                    offer.current = Some(value);
                }
            }
            _ => {}
        }
    }

    /// Takes over what the agent tells; what it does not mention stays. Configuration options come
    /// before the older `modes` and `models`, as ACP asks.
    pub(super) fn learn(&mut self, state: SessionState) {
        if let Some(modes) = state.modes {
            let choice = |mode: super::schema::ModeInfo| Choice {
                value: Some(mode.id),
                name: mode.name,
                description: mode.description,
                options: Vec::new(),
            };
            self.mode = Offer {
                choices: modes.available_modes.into_iter().map(choice).collect(),
                current: Some(modes.current_mode_id),
                option: None,
            };
        }
        if let Some(models) = state.models {
            let choice = |model: super::schema::ModelInfo| Choice {
                value: Some(model.model_id),
                name: model.name,
                description: model.description,
                options: Vec::new(),
            };
            self.model = Offer {
                choices: models.available_models.into_iter().map(choice).collect(),
                current: Some(models.current_model_id),
                option: None,
            };
        }
        // Options are always told all at once.
        if !state.config_options.is_empty() {
            self.options(state.config_options);
        }
    }

    /// Sorts options by what they are for. A second one for the same, a switch, and one of an unknown category is a
    /// feature: it is shown and can be set all the same.
    fn options(&mut self, options: Vec<ConfigOption>) {
        self.features.clear();
        let mut taken = Vec::new();
        for option in options {
            let category = option.category.as_deref().unwrap_or_default();
            let known = Setting::KNOWN.into_iter().find(|it| it.is_of(category));
            let known = known.filter(|it| !taken.contains(it) && option.current_value.is_string());
            match known {
                Some(setting) => {
                    if let Some(offer) = self.of_mut(&setting) {
                        *offer = Offer {
                            choices: option.choices(),
                            current: option.current_value.as_str().map(str::to_owned),
                            option: Some(option.id),
                        };
                    }
                    taken.push(setting);
                }
                None if self.features.len() < MAX_FEATURES => self.features.extend(feature(option)),
                None => {}
            }
        }
    }

    /// The request that changes a setting.
    pub(super) fn request(&self, session: &str, wish: &Wish) -> (&'static str, Value) {
        let Wish { setting, value } = wish;
        let option = self.of(setting).and_then(|offer| offer.option.as_ref());
        let option = match (setting, option) {
            (Setting::Mode, None) => {
                let params = json!({ "sessionId": session, "modeId": value });
                return ("session/set_mode", params);
            }
            (Setting::Model, None) => {
                let params = json!({ "sessionId": session, "modelId": value });
                return ("session/set_model", params);
            }
            (Setting::Feature(id), _) => Some(id),
            (_, option) => option,
        };
        let mut params = json!({ "sessionId": session, "configId": option, "value": value });
        if value.is_boolean() {
            params["type"] = json!("boolean");
        }
        ("session/set_config_option", params)
    }

    /// What is in force, as far as the agent has told.
    pub(super) fn in_force(&self) -> Settings {
        let features = self.features.iter();
        Settings {
            mode: self.mode.current.clone(),
            model: self.model.current.clone(),
            thinking: self.thinking.current.clone(),
            features: features
                .map(|it| (it.id().to_owned(), it.value()))
                .collect(),
        }
    }

    /// The modes as clients see them.
    pub(super) fn modes(&self) -> Vec<Mode> {
        let mode = |choice: &Choice| {
            Some(Mode {
                id: choice.value.clone()?,
                label: choice.name.clone(),
                description: choice.description.clone(),
                other: Default::default(),
            })
        };
        self.mode.choices.iter().filter_map(mode).collect()
    }

    /// The options that no client knows a meaning of.
    pub(super) fn features(&self) -> Vec<Feature> {
        self.features.clone()
    }

    /// Puts the choices into the description of a provider; what is in force is the default.
    pub(super) fn describe(&self, description: &mut Description) {
        description.modes = self.modes();
        description.default_mode = self.mode.current.clone();
        let option = |choice: &Choice| {
            Some(ThinkingOption {
                id: choice.value.clone()?,
                label: choice.name.clone(),
                description: choice.description.clone(),
                ..ThinkingOption::default()
            })
        };
        let thinking: Vec<_> = self.thinking.choices.iter().filter_map(option).collect();
        let model = |choice: &Choice| {
            let id = choice.value.clone()?;
            Some(Model {
                provider: description.id.clone(),
                is_default: (self.model.current.as_ref() == Some(&id)).then_some(true),
                id,
                label: choice.name.clone(),
                description: choice.description.clone(),
                thinking_options: (!thinking.is_empty()).then(|| thinking.clone()),
                default_thinking_option_id: self.thinking.current.clone(),
                ..Model::default()
            })
        };
        description.models = self.model.choices.iter().filter_map(model).collect();
    }
}

fn feature(option: ConfigOption) -> Option<Feature> {
    let choice = |choice: Choice| {
        Some(FeatureOption {
            id: choice.value?,
            label: choice.name,
            description: choice.description,
        })
    };
    let options: Vec<_> = option.choices().into_iter().filter_map(choice).collect();
    let (id, label, description) = (option.id, option.name, option.description);
    let label = if label.is_empty() { id.clone() } else { label };
    match option.current_value {
        Value::Bool(value) => Some(Feature::Toggle {
            id,
            label,
            description,
            value,
        }),
        Value::String(value) => Some(Feature::Select {
            id,
            label,
            description,
            value: Some(value),
            options,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned(options: Value) -> Offers {
        let mut offers = Offers::default();
        let state = json!({ "configOptions": options });
        offers.learn(serde_json::from_value(state).unwrap());
        offers
    }

    #[test]
    fn options_are_known_by_the_names_that_agents_use() {
        let select = |id: &str, category: &str| {
            json!({ "id": id, "name": id, "category": category, "type": "select", "currentValue": "a",
                "options": [{ "value": "a", "name": "A" }, { "name": "more", "options": [{ "value": "b", "name": "B" }] }] })
        };
        let offers = learned(json!([
            select("effort", "thinking"),
            select("brain", "model"),
            select("brain-2", "model"),
            select("temper", "_mood"),
            { "id": "fast", "name": "Fast", "type": "boolean", "currentValue": false, "category": "mode" },
            { "id": "odd", "name": "Odd", "type": "number", "currentValue": 7 },
        ]));
        assert_eq!(offers.choices(&Setting::Thinking), ["a", "b"]);
        assert_eq!(offers.choices(&Setting::Model), ["a", "b"]);
        assert!(offers.choices(&Setting::Mode).is_empty());
        let features = offers.features();
        let ids: Vec<_> = features.iter().map(Feature::id).collect();
        assert_eq!(ids, ["brain-2", "temper", "fast"]);
        let fast = |value: Value| Wish {
            setting: Setting::Feature("fast".to_owned()),
            value,
        };
        assert!(offers.holds(&fast(json!(false))) && offers.has(&fast(json!(true))));
        assert!(!offers.has(&fast(json!("true"))));
        let (method, params) = offers.request("s", &fast(json!(true)));
        assert_eq!(method, "session/set_config_option");
        let params = params.to_string();
        assert!(params.contains(r#""type":"boolean""#), "{params}");
    }
}
