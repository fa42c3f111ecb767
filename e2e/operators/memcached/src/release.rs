//! What a version of this operator knows: one program stands for all of the sample's releases. Flows in: `VERSION`. Flows
//! out: the version of the kind to read and write through, and which of its fields mean something.
use std::str::FromStr;

use kube::{CustomResourceExt, core::ApiResource};

use crate::kind::{v1, v1alpha1};

/// The release that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// As it was given: stamped on what is written.
    pub version: String,
    pub edition: Edition,
}

/// What was new, and so what is known: each knows what those before it know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Edition {
    /// 1.0: size and image, through `v1alpha1`.
    First,
    /// 1.1 to the last 1.x: `maxItemSize`.
    MaxItemSize,
    /// From 2.0 on: `v1`, with `threads` and more servers.
    V1,
}

impl Edition {
    /// Through which version of the kind this one reads and writes.
    pub fn resource(self) -> ApiResource {
        match self {
            Self::First | Self::MaxItemSize => v1alpha1::Memcached::api_resource(),
            Self::V1 => v1::Memcached::api_resource(),
        }
    }

    /// The most servers that it can run: what its schema allows.
    pub fn most_servers(self) -> i32 {
        if self == Self::V1 { 9 } else { 5 }
    }
}

impl FromStr for Release {
    type Err = String;

    /// Major and minor decide; what follows them does not matter.
    fn from_str(version: &str) -> Result<Self, Self::Err> {
        let mut numbers = version.split(['.', '-', '+']).map(|part| part.parse::<u64>().ok());
        let (Some(Some(major)), Some(Some(minor))) = (numbers.next(), numbers.next()) else {
            return Err(format!("{version} does not begin with MAJOR.MINOR"));
        };
        let edition = match (major, minor) {
            (0, _) | (1, 0) => Edition::First,
            (1, _) => Edition::MaxItemSize,
            _ => Edition::V1,
        };
        Ok(Self { version: version.to_owned(), edition })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_says_through_which_version_of_the_kind() {
        let through = |version: &str| version.parse::<Release>().map(|release| release.edition.resource().api_version);
        for version in ["1.0.0", "1.0.100", "1.1.0", "1.3.0", "1.99.0-rc.1"] {
            assert_eq!(through(version).unwrap(), "cache.example.com/v1alpha1", "{version}");
        }
        for version in ["2.0.0", "2.0.0-rc.1", "3.1.4", "10.0.0"] {
            assert_eq!(through(version).unwrap(), "cache.example.com/v1", "{version}");
        }
        for version in ["", "2", "x.y.z", "-1.0.0"] {
            assert!(through(version).is_err(), "{version}");
        }
    }

    #[test]
    fn each_release_knows_what_those_before_it_know() {
        let editions = ["1.0.9", "1.1.0", "2.0.0"].map(|version| version.parse::<Release>().unwrap().edition);
        assert_eq!(editions, [Edition::First, Edition::MaxItemSize, Edition::V1]);
        assert!(editions.is_sorted());
    }

    #[test]
    fn no_release_refuses_what_its_own_schema_allows() {
        let most =
            |crd: k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition| {
                let crd = serde_json::json!(crd);
                let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
                schema["properties"]["spec"]["properties"]["size"]["maximum"].as_f64().unwrap()
            };
        assert!((most(v1alpha1::Memcached::crd()) - f64::from(Edition::First.most_servers())).abs() < 0.1);
        assert!((most(v1::Memcached::crd()) - f64::from(Edition::V1.most_servers())).abs() < 0.1);
    }
}
