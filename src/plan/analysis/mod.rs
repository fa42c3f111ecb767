//! What gates are asked in full: the wave engine says which gate, about whom; here it becomes a query, an expression with
//! what it is about, or a Job. Pure: nothing is asked here. A question that cannot be put is answered by that.
mod job;
mod turns;

use serde_json::{Value, json};

pub use self::turns::in_turn;
use super::choke_point::AdmittedJob;
use crate::{
    api::{CelGate, CustomResources, Gate, PolicySpec, PrometheusGate, Rollout, Scope, Tenant, Wave},
    domain::{
        analysis::{Asked, Reply},
        cel::Expression,
        object::ObjectKey,
        promql::Query,
        world::{TenantSeen, World},
    },
};

/// Gates that are asked in all waves of a policy together, each of which is told up to a kilobyte.
const MOST_ASKED: usize = 32;
/// Bytes of all gates of a policy.
const LONGEST_GATES: usize = 32 << 10;

/// A question with everything that whoever asks it needs to know.
#[derive(Clone, Debug)]
pub struct Question {
    pub asked: Asked,
    pub ask: Ask,
}

/// How it is asked.
#[derive(Clone, Debug)]
pub enum Ask {
    /// It cannot be asked, and that is the answer.
    Nobody(Reply),
    Prometheus(Sampled),
    Cel(Box<Evaluated>),
    Job(AdmittedJob),
}

/// An expression, and what it is about.
#[derive(Clone, Debug)]
pub struct Evaluated {
    pub expression: Expression,
    /// Metadata and spec of the Tenant.
    pub tenant: Value,
    pub namespace: String,
    /// Its stack, to be read where the expression names it.
    pub objects: Vec<ObjectKey>,
    pub resources: Vec<CustomResources>,
}

/// A query, and what its samples must keep.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampled {
    pub address: String,
    pub query: String,
    pub min: Option<crate::api::Decimal>,
    pub max: Option<crate::api::Decimal>,
}

/// The questions behind what is to be asked.
#[must_use]
pub fn questions(asks: &[Asked], world: &World) -> Vec<Question> {
    let question = |asked: &Asked| {
        let ask = ask(asked, world).unwrap_or_else(|why| Ask::Nobody(Reply::inconclusive(why)));
        Question { asked: asked.clone(), ask }
    };
    asks.iter().map(question).collect()
}

fn ask(asked: &Asked, world: &World) -> Result<Ask, String> {
    let key = &asked.round.key;
    let rollout = world.rollouts.get(&key.rollout).ok_or("the Rollout is gone")?;
    let wave = rollout.spec.waves.iter().find(|wave| wave.name == key.wave).ok_or("the wave is gone")?;
    let (_, gate) =
        wave.gates.all().find(|(when, gate)| *when == key.when && gate.name == key.gate).ok_or("the gate is gone")?;
    if let Some(prometheus) = &gate.prometheus {
        return sampled(prometheus, asked, rollout, world).map(Ask::Prometheus);
    }
    if let Some(cel) = &gate.cel {
        return evaluated(cel, asked, world).map(|ask| Ask::Cel(Box::new(ask)));
    }
    if let Some(gate) = &gate.job {
        let name = asked.subject.as_deref().ok_or("a Job runs for a tenant")?;
        return job::job(gate, asked, rollout, tenant(name, world)?.1, &world.fleet).map(Ask::Job);
    }
    Err("this Leasehold does not know how to ask this gate".into())
}

fn sampled(gate: &PrometheusGate, asked: &Asked, rollout: &Rollout, world: &World) -> Result<Sampled, String> {
    let query = Query::parse(&gate.query, gate.scope == Scope::Tenant)?;
    let subject = asked.subject.as_deref();
    let namespace = subject.map(|name| namespace(name, world)).transpose()?.unwrap_or_default();
    let value = |name: &str| match name {
        "tenant" => subject.unwrap_or_default(),
        "namespace" => &namespace,
        "operator" => &rollout.spec.operator,
        "version" => &rollout.spec.target.version,
        "wave" => &asked.round.key.wave,
        _ => &asked.round.key.rollout,
    };
    let query = query.with(value)?;
    Ok(Sampled { address: gate.address.clone(), query, min: gate.min.clone(), max: gate.max.clone() })
}

fn evaluated(gate: &CelGate, asked: &Asked, world: &World) -> Result<Evaluated, String> {
    let expression = Expression::parse(&gate.expression)?;
    let name = asked.subject.as_deref().ok_or("an expression is about a tenant")?;
    let (seen, tenant) = tenant(name, world)?;
    let metadata = json!({"name": name, "labels": tenant.metadata.labels, "annotations": tenant.metadata.annotations});
    let objects = if expression.uses("objects") { seen.objects.keys().cloned().collect() } else { Vec::new() };
    Ok(Evaluated {
        tenant: json!({"metadata": metadata, "spec": tenant.spec}),
        namespace: tenant.target_namespace(),
        objects,
        resources: gate.resources.clone(),
        expression,
    })
}

fn tenant<'w>(name: &str, world: &'w World) -> Result<(&'w TenantSeen, &'w Tenant), String> {
    let seen = world.tenants.get(name).ok_or("the Tenant is gone")?;
    Ok((seen, seen.tenant.as_ref().ok_or("the Tenant is gone")?))
}

/// The tenant's own namespace.
fn namespace(name: &str, world: &World) -> Result<String, String> {
    Ok(tenant(name, world)?.1.target_namespace())
}

/// Why a policy's gates could never be asked, if so: said before anything moves.
#[must_use]
pub fn unusable(policy: &PolicySpec) -> Option<String> {
    let trouble = |wave: &Wave, gate: &Gate| {
        let why = if let Some(prometheus) = &gate.prometheus {
            Query::parse(&prometheus.query, prometheus.scope == Scope::Tenant).err()
        } else {
            gate.cel.as_ref().and_then(|cel| Expression::parse(&cel.expression).err())
        };
        why.map(|why| format!("gate {} of wave {} cannot be asked: {why}", gate.name, wave.name))
    };
    let gates = |wave: &Wave| wave.gates.all().find_map(|(_, gate)| trouble(wave, gate));
    policy.waves.iter().find_map(|wave| twice(wave).or_else(|| gates(wave))).or_else(|| too_large(policy))
}

/// A Rollout holds all gates of its policy and what they are told, beside its tenants and whom a person skips: 256 KiB in all.
fn too_large(policy: &PolicySpec) -> Option<String> {
    let gates = || policy.waves.iter().flat_map(|wave| wave.gates.all()).map(|(_, gate)| gate);
    let asked = gates().filter(|gate| gate.pace().is_some()).count();
    if asked > MOST_ASKED {
        return Some(format!(
            "its waves have {asked} gates that are asked, and {MOST_ASKED} is the most: ask for less"
        ));
    }
    let written: usize = gates().map(|gate| serde_json::to_vec(gate).map_or(0, |json| json.len())).sum();
    let too_long = || format!("its gates are {written} bytes long, and {LONGEST_GATES} is the most: make them shorter");
    (written > LONGEST_GATES).then(too_long)
}

/// An approval names a gate of a wave, and not which list it is in: of two it would open both.
fn twice(wave: &Wave) -> Option<String> {
    let gates = &wave.gates;
    let same = gates.before.iter().find(|gate| gates.after.iter().any(|other| other.name == gate.name))?;
    Some(format!("gate {} of wave {} is in `before` and in `after`: give each a name of its own", same.name, wave.name))
}
