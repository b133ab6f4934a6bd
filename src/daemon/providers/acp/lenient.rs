//! How fields are read that an agent may get wrong.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// Bytes of JSON of a value of any shape that are kept; longer ones count as absent.
const MAX_RAW_BYTES: usize = 256 * 1024;
/// Items of a list that are read.
const MAX_ITEMS: usize = 2_000;

/// Takes what fits; anything else is the default.
pub(super) fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(raw.get()).unwrap_or_default())
}

/// Takes the items that fit; anything but a list is an empty one.
pub(super) fn list<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    lenient::<D, Items<T>>(deserializer).map(|items| items.0)
}

/// The items of a list that fit, at most [`MAX_ITEMS`].
struct Items<T>(Vec<T>);

impl<T> Default for Items<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Items<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit<T>(PhantomData<T>);
        impl<'de, T: DeserializeOwned> Visitor<'de> for Visit<T> {
            type Value = Items<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Items<T>, A::Error> {
                let mut items = Vec::new();
                while items.len() < MAX_ITEMS
                    && let Some(raw) = seq.next_element::<Box<RawValue>>()?
                {
                    items.extend(serde_json::from_str::<T>(raw.get()));
                }
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Items(items))
            }
        }
        deserializer.deserialize_seq(Visit(PhantomData))
    }
}

/// A value of any shape, all of it.
#[derive(Debug, Clone)]
pub(super) enum Whole {
    Value(Value),
    /// It is too large, or too deep, to be kept.
    Unfit,
}

impl Whole {
    /// Returns the value; `None` when it was not kept.
    pub(super) fn value(&self) -> Option<&Value> {
        match self {
            Self::Value(value) => Some(value),
            Self::Unfit => None,
        }
    }

    /// Takes a value as it was written.
    pub(super) fn of(raw: &RawValue) -> Self {
        let small = (raw.get().len() <= MAX_RAW_BYTES).then_some(raw);
        let value = small.and_then(|raw| serde_json::from_str(raw.get()).ok());
        value.map_or(Self::Unfit, Self::Value)
    }
}

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Ok(Self::of(&raw))
    }
}

/// Takes a value that is not too large.
pub(super) fn bounded<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Value>, D::Error> {
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    let value = Whole::of(&raw).value().cloned();
    Ok(value.filter(|value| !value.is_null()))
}
