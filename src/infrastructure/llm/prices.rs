//! What models cost: a dated table of list prices, and what a call cost by it. What is unknown stays unknown.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{ModelName, Usage};

/// The table that Paraph comes with.
const SHIPPED: &str = include_str!("prices.toml");

/// What the source of a row of the user's own begins with.
const OWN: &str = "user";

/// A provider may ask for this part of the list price and be believed. // 4: what resellers and batches give off is half
const LEAST_OF_LIST: u64 = 4;

/// Prices are for this many tokens.
const MILLION: u128 = 1_000_000;

/// Millionths of a dollar for a million tokens: a dollar for a million is 1,000,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// Of the prompt.
    pub input: u64,
    /// Of the answer, thinking included.
    pub output: u64,
    /// Of the prompt, from the provider's cache.
    pub cache_read: u64,
    /// Of the prompt, into the provider's cache.
    pub cache_write: u64,
}

/// What is known of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// What its tokens cost.
    pub rates: Rates,
    /// What they cost where the prompt has more than so many.
    pub long: Option<(u64, Rates)>,
    /// The most tokens of a prompt.
    pub context: Option<u64>,
    /// The most tokens of an answer.
    pub max_output: Option<u32>,
}

impl Price {
    /// What a call cost by this price, in millionths of a dollar, rounded up. Unknown where one of its counts is.
    #[must_use]
    pub fn cost(&self, usage: &Usage) -> Option<u64> {
        let (input, output) = (usage.input?, usage.output?);
        let (read, written) = (usage.cache_read.unwrap_or(0), usage.cache_write.unwrap_or(0));
        let fresh = input.saturating_sub(read.saturating_add(written));
        let rates = self.rates_for(input);
        let parts =
            [(fresh, rates.input), (read, rates.cache_read), (written, rates.cache_write), (output, rates.output)];
        let sum: u128 = parts.iter().map(|(tokens, rate)| u128::from(*tokens) * u128::from(*rate)).sum();
        u64::try_from(sum.div_ceil(MILLION)).ok()
    }

    /// The most that a call can cost: a prompt of `input` tokens, all of it fresh or written to the cache, whichever is
    /// dearer, and an answer as long as allowed.
    #[must_use]
    pub fn at_most(&self, input: u64, max_output_tokens: u32) -> u64 {
        let rates = self.rates_for(input);
        let prompt = u128::from(input) * u128::from(rates.input.max(rates.cache_write));
        let sum = prompt + u128::from(max_output_tokens) * u128::from(rates.output);
        u64::try_from(sum.div_ceil(MILLION)).unwrap_or(u64::MAX)
    }

    fn rates_for(&self, input: u64) -> Rates {
        match self.long {
            Some((above, rates)) if input > above => rates,
            _ => self.rates,
        }
    }
}

/// Why a table cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// It is no TOML of this form.
    #[error("the table of prices cannot be read: {0}")]
    Unreadable(String),
    /// A row says something that cannot be.
    #[error("the price of {model} cannot be: {why}")]
    Odd {
        /// The row.
        model: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

/// Prices by model, and the date they are of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceTable {
    /// The date, as it is written in the table.
    pub as_of: String,
    rows: BTreeMap<String, (Price, String)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    as_of: String,
    #[serde(default)]
    model: Vec<PriceRow>,
}

/// One model's prices as they are written: dollars for a million tokens.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the table of prices explains each")]
pub struct PriceRow {
    #[serde(default)]
    pub name: String,
    pub input: f64,
    pub output: f64,
    pub cache_read: Option<f64>,
    pub cache_write: Option<f64>,
    pub context: Option<u64>,
    pub max_output: Option<u32>,
    pub long: Option<LongRow>,
    /// The date that a row of one's own is of.
    pub as_of: Option<String>,
}

/// The prices of a long prompt.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the table of prices explains each")]
pub struct LongRow {
    pub above: u64,
    pub input: f64,
    pub output: f64,
    pub cache_read: Option<f64>,
    pub cache_write: Option<f64>,
}

impl PriceTable {
    /// The table that Paraph comes with.
    #[must_use]
    pub fn shipped() -> Self {
        Self::parse(SHIPPED).expect("a test reads the shipped table")
    }

    /// Reads a table in the form of the shipped one.
    ///
    /// # Errors
    /// [`PriceError`] naming the row.
    pub fn parse(text: &str) -> Result<Self, PriceError> {
        let file: File = toml::from_str(text).map_err(|error| PriceError::Unreadable(error.message().to_owned()))?;
        let rows = read(file.model, |_| file.as_of.clone())?;
        Ok(Self { as_of: file.as_of, rows })
    }

    /// The user's own rows. Each says that it is theirs, with its date where it has one.
    ///
    /// # Errors
    /// [`PriceError`] naming the row.
    pub fn own(rows: Vec<PriceRow>) -> Result<Self, PriceError> {
        let source =
            |row: &PriceRow| row.as_of.as_ref().map_or_else(|| OWN.to_owned(), |date| format!("{OWN}, {date}"));
        Ok(Self { as_of: OWN.to_owned(), rows: read(rows, source)? })
    }

    /// This table with the rows of `own` before its own.
    #[must_use]
    pub fn overridden_by(mut self, own: Self) -> Self {
        if !own.rows.is_empty() {
            self.as_of = format!("{}; {} of {} own", self.as_of, own.rows.len(), own.as_of);
        }
        self.rows.extend(own.rows);
        self
    }

    /// Where the price of a model comes from: the date of the shipped table, or the user.
    #[must_use]
    pub fn source(&self, model: &ModelName) -> Option<&str> {
        self.row(model).map(|(_, source)| source.as_str())
    }

    /// What is known of a model. A dated name, such as `gpt-5-2025-08-07`, costs what its undated one costs; what
    /// OpenRouter passes on costs what its maker asks.
    #[must_use]
    pub fn price(&self, model: &ModelName) -> Option<Price> {
        self.row(model).map(|(price, _)| *price)
    }

    /// What a call cost, in millionths of a dollar: by the user's own price, else what the provider says of itself, else
    /// by the table. A provider that asks for next to nothing where the table knows a price is not believed: caps rest on
    /// what is said here.
    #[must_use]
    pub fn cost(&self, model: &ModelName, usage: &Usage) -> Option<u64> {
        let Some((price, source)) = self.row(model) else { return usage.cost_micros };
        let by_price = price.cost(usage);
        let told = usage.cost_micros.filter(|_| !source.starts_with(OWN));
        let told = told.filter(|told| by_price.is_none_or(|listed| told.saturating_mul(LEAST_OF_LIST) >= listed));
        told.or(by_price)
    }

    fn row(&self, model: &ModelName) -> Option<&(Price, String)> {
        let full = model.to_string();
        let listed = listed_as(model);
        // what is given away has no maker's price
        let listed = if is_given_away(model) { full.clone() } else { listed };
        let cloud = model.model.ends_with("-cloud") || model.model.ends_with(":cloud"); // not on one's own machine
        let any = || (!cloud).then(|| self.rows.get(&format!("{}/*", model.provider))).flatten();
        self.rows
            .get(&full)
            .or_else(|| self.rows.get(undated(&full)))
            .or_else(|| self.rows.get(&listed))
            .or_else(|| self.rows.get(undated(&listed)))
            .or_else(any)
    }
}

/// Rows as they count, each with what its price is known from.
fn read(
    given: Vec<PriceRow>,
    source: impl Fn(&PriceRow) -> String,
) -> Result<BTreeMap<String, (Price, String)>, PriceError> {
    let mut rows = BTreeMap::new();
    for row in given {
        let odd = |why| PriceError::Odd { model: row.name.clone(), why };
        if row.name.parse::<ModelName>().is_err() {
            return Err(odd("its name is not PROVIDER/MODEL"));
        }
        let rates = |given| rates(given).ok_or_else(|| odd("a price is negative or above 100,000 dollars"));
        let long = row.long.as_ref().map(|long| {
            Ok((long.above, rates([Some(long.input), Some(long.output), long.cache_read, long.cache_write])?))
        });
        let price = Price {
            rates: rates([Some(row.input), Some(row.output), row.cache_read, row.cache_write])?,
            long: long.transpose()?,
            context: row.context,
            max_output: row.max_output,
        };
        if rows.insert(row.name.clone(), (price, source(&row))).is_some() {
            return Err(odd("it is there twice"));
        }
    }
    Ok(rows)
}

/// The name of the model in the table, where another provider passes it on or the provider has a second name.
fn listed_as(model: &ModelName) -> String {
    let (maker, name) = match (model.provider.as_str(), model.model.split_once('/')) {
        ("openrouter", Some((maker, name))) => (maker, name.split(':').next().unwrap_or(name)),
        (provider, _) => (provider, model.model.as_str()),
    };
    match maker {
        "google" => format!("gemini/{name}"),
        "x-ai" => format!("xai/{name}"),
        "mistralai" => format!("mistral/{name}"),
        "anthropic" => format!("anthropic/{}", name.replace('.', "-")),
        maker => format!("{maker}/{name}"),
    }
}

/// Whether OpenRouter passes it on for nothing.
fn is_given_away(model: &ModelName) -> bool {
    model.provider == "openrouter" && model.model.ends_with(":free")
}

/// A name without the date at its end, `-2025-08-07` or `-20250929`.
fn undated(name: &str) -> &str {
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let dashed = name.len().checked_sub(11).and_then(|at| name.split_at_checked(at));
    if let Some((head, date)) = dashed
        && let ["", year, month, day] = date.split('-').collect::<Vec<_>>()[..]
        && (year.len(), month.len(), day.len()) == (4, 2, 2)
        && [year, month, day].into_iter().all(is_digits)
    {
        return head;
    }
    match name.rsplit_once('-') {
        Some((head, date)) if date.len() == 8 && is_digits(date) => head,
        _ => name,
    }
}

/// Dollars for a million tokens (input, output, cache read, cache write) as whole millionths of one.
fn rates([input, output, cache_read, cache_write]: [Option<f64>; 4]) -> Option<Rates> {
    let micros = |dollars: f64| (0.0..=100_000.0).contains(&dollars).then(|| (dollars * 1e6).round() as u64);
    let input = micros(input?)?;
    let or_input = |dollars: Option<f64>| dollars.map_or(Some(input), micros);
    Some(Rates {
        input,
        output: micros(output?)?,
        cache_read: or_input(cache_read)?,
        cache_write: or_input(cache_write)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ModelName {
        text.parse().expect("a name")
    }

    #[test]
    fn the_shipped_table_is_dated_and_sane() {
        let table = PriceTable::shipped();
        assert_eq!(table.as_of.len(), 10, "{}", table.as_of);
        assert!(table.rows.len() >= 40, "{} rows", table.rows.len());
        for (model, (price, _)) in &table.rows {
            let Rates { input, output, cache_read, .. } = price.rates;
            assert!(cache_read <= input && input <= output, "{model}: {price:?}");
            assert!(model.ends_with("/*") || (input > 0 && price.context.is_some_and(|most| most > 8_000)), "{model}");
            if let Some((above, long)) = price.long {
                assert!(above >= 100_000 && long.input >= input && long.output >= output, "{model}: {price:?}");
            }
        }
    }

    #[test]
    fn a_model_has_its_price_under_each_of_its_names() {
        let table = PriceTable::shipped();
        let price = |text: &str| table.price(&name(text));
        for (one, other) in [
            ("openai/gpt-5-2025-08-07", "openai/gpt-5"),
            ("anthropic/claude-sonnet-4-5-20250929", "anthropic/claude-sonnet-4-5"),
            ("openrouter/anthropic/claude-sonnet-4.5", "anthropic/claude-sonnet-4-5"),
            ("openrouter/google/gemini-2.5-pro", "gemini/gemini-2.5-pro"),
            ("google/gemini-2.5-pro", "gemini/gemini-2.5-pro"),
        ] {
            assert!(price(other).is_some(), "{other}");
            assert_eq!(price(one), price(other), "{one}");
        }
        assert_eq!(price("ollama/qwen3:8b").map(|price| price.at_most(1_000_000, 1000)), Some(0));
        for unknown in ["ollama/kimi-k2:1t-cloud", "openai/gpt-99", "work/gpt-5", "openai/gpt-5-2025-8-7"] {
            assert_eq!(price(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn costs_are_whole_millionths_rounded_up_and_unknown_stays_unknown() {
        let text = r#"
            as_of = "2026-01-02"
            [[model]]
            name = "a/b"
            input = 3.0
            output = 15.0
            cache_read = 0.3
            cache_write = 3.75
            long = { above = 1000, input = 6.0, output = 22.5 }
        "#;
        let price = PriceTable::parse(text).expect("a table").price(&name("a/b")).expect("a price");
        let usage = |input, output| Usage { input: Some(input), output: Some(output), ..Usage::default() };
        assert_eq!(price.cost(&usage(1000, 100)), Some(4_500));
        assert_eq!(price.cost(&usage(1001, 100)), Some(8_256), "a long prompt costs more, all of it");
        assert_eq!(price.cost(&usage(1, 0)), Some(3));
        let cached = Usage { cache_read: Some(900), cache_write: Some(50), ..usage(1000, 0) };
        assert_eq!(price.cost(&cached), Some(150 + 270 + 188), "187.5 is rounded up with the rest: 607.5");
        assert_eq!(price.cost(&Usage { input: Some(5), ..Usage::default() }), None);
        assert_eq!(price.at_most(1000, 100), 3_750 + 1_500);
    }

    #[test]
    fn whose_word_counts() {
        let row =
            |name: &str| PriceRow { name: name.into(), ..toml::from_str("input = 1\noutput = 2").expect("a row") };
        let own = PriceTable::own(vec![row("work/m"), row("openrouter/qwen/own:free")]).expect("a table");
        let table = PriceTable::shipped().overridden_by(own);
        let told = |cost: Option<u64>| Usage {
            input: Some(1_000_000),
            output: Some(0),
            cost_micros: cost,
            ..Usage::default()
        };
        let cost = |model: &str, cost: Option<u64>| table.cost(&name(model), &told(cost));
        let listed = cost("openrouter/openai/gpt-5", None).expect("a price");
        for (model, said, expected) in [
            ("work/m", Some(7), Some(1_000_000)),
            ("work/m", Some(0), Some(1_000_000)),
            ("openrouter/openai/gpt-5", Some(listed / 2), Some(listed / 2)),
            ("openrouter/openai/gpt-5", Some(listed * 2), Some(listed * 2)),
            ("openrouter/openai/gpt-5", Some(0), Some(listed)),
            ("openrouter/openai/gpt-5", Some(1), Some(listed)),
            ("openrouter/nobody/new", Some(7), Some(7)),
            ("openrouter/nobody/new", None, None),
            ("openrouter/openai/gpt-5:free", Some(0), Some(0)),
            ("openrouter/openai/gpt-5:free", None, None),
            ("openrouter/qwen/own:free", Some(0), Some(1_000_000)),
            ("ollama/qwen3:8b", Some(0), Some(0)),
        ] {
            assert_eq!(cost(model, said), expected, "{model} says {said:?}");
        }
    }

    #[test]
    fn rows_of_the_users_say_that_they_are_theirs() {
        let row = |text: &str| toml::from_str::<PriceRow>(text).expect("a row");
        let with_date = PriceRow { name: "work/m".into(), ..row("input = 1\noutput = 2.5\nas_of = \"2026-12-01\"") };
        let without = PriceRow { name: "openai/gpt-5".into(), ..row("input = 0.5\noutput = 2") };
        let own = PriceTable::own(vec![with_date, without]).expect("a table");
        let table = PriceTable::shipped().overridden_by(own);
        assert_eq!(table.source(&name("work/m")), Some("user, 2026-12-01"));
        assert_eq!(table.source(&name("openai/gpt-5")), Some("user"));
        assert_eq!(table.source(&name("openai/gpt-99")), None);
        assert_eq!(table.price(&name("openai/gpt-5")).map(|price| price.at_most(1_000_000, 0)), Some(500_000));
        let shipped = PriceTable::shipped();
        let other = name("anthropic/claude-sonnet-4-5");
        assert_eq!(table.source(&other), Some(shipped.as_of.as_str()), "the others are of the shipped table's date");
        let error =
            PriceTable::own(vec![PriceRow { name: "m".into(), ..row("input = 1\noutput = 2") }]).expect_err("no name");
        assert!(error.to_string().contains("PROVIDER/MODEL"), "{error}");
    }

    #[test]
    fn a_table_of_ones_own_goes_first_and_odd_rows_are_named() {
        let own = "as_of = \"2026-12-01\"\n[[model]]\nname = \"openai/gpt-5\"\ninput = 1\noutput = 2\n";
        let table = PriceTable::shipped().overridden_by(PriceTable::parse(own).expect("a table"));
        assert_eq!(table.price(&name("openai/gpt-5")).expect("a price").rates.input, 1_000_000);
        assert!(table.as_of.ends_with("1 of 2026-12-01 own"), "{}", table.as_of);
        for (row, words) in [
            ("name = \"x/y\"\ninput = -1.0\noutput = 1.0", "x/y"),
            ("name = \"x/y\"\ninput = nan\noutput = 1.0", "x/y"),
            ("name = \"xy\"\ninput = 1.0\noutput = 1.0", "PROVIDER/MODEL"),
            ("name = \"x/y\"\ninput = 1.0", "missing field `output`"),
            ("name = \"x/y\"\ninput = 1.0\noutput = 1.0\nprice = 2", "unknown field `price`"),
        ] {
            let error = PriceTable::parse(&format!("as_of = \"d\"\n[[model]]\n{row}\n")).expect_err(row).to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
