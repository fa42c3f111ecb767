//! A page of stored objects as the API server sends it: one text, from which one object after the other is taken and let go.
use std::{fmt, marker::PhantomData};

use http::Request;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ListMeta;
use kube::{Client, client::Body, core::Status};
use serde::{
    Deserialize,
    de::{DeserializeOwned, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Value, json};

/// What a write to an object needs to know of it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub(super) struct Target {
    pub name: String,
    pub namespace: Option<String>,
    pub uid: String,
    pub resource_version: String,
}

/// An object of which only that is kept.
#[derive(Debug, Deserialize)]
pub(super) struct Named {
    pub metadata: Target,
}

impl Target {
    /// As people name it.
    pub fn spoken(&self) -> String {
        self.namespace.as_ref().map_or_else(|| self.name.clone(), |namespace| format!("{namespace}/{}", self.name))
    }

    /// A merge patch that changes nothing, of this very object as it was listed: one that was written since is a conflict. The
    /// API server writes the object all the same where it is stored at another version than it would be now.
    pub fn as_it_is(&self) -> Value {
        json!({"metadata": {"uid": self.uid, "resourceVersion": self.resource_version}})
    }
}

/// Bytes of a list that are kept at once. A page of 500 objects of 1.5 MiB each, etcd's own bound, would be more than Leasehold is
/// given altogether; of usual objects, of a few KiB, it holds them all.
const MOST: usize = 16 << 20;

/// A list's text.
pub(super) enum Text {
    Whole(Vec<u8>),
    /// Longer than 16 MiB: ask for fewer objects.
    TooLong,
}

/// Sends a request for a list.
pub(super) fn text(
    client: &Client,
    request: Request<Vec<u8>>,
) -> impl Future<Output = Result<Text, kube::Error>> + use<> {
    let client = client.clone();
    async move {
        let response = client.send(request.map(Body::from)).await?;
        let code = response.status();
        let text = match Limited::new(response.into_body(), MOST).collect().await {
            Ok(text) => text.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => return Ok(Text::TooLong),
            Err(error) => return Err(kube::Error::Service(error)),
        };
        if code.is_success() {
            return Ok(Text::Whole(text.into()));
        }
        // What is no Status, of a proxy in between for instance, is as good as its code.
        let status = serde_json::from_slice(&text)
            .unwrap_or_else(|_| Status::failure(&String::from_utf8_lossy(&text), "").with_code(code.as_u16()));
        Err(kube::Error::Api(status.boxed()))
    }
}

/// Hands each item of a list to `take`, in order, and keeps none. Returns where the next page begins.
///
/// # Errors
/// When it is no list, or an item is not as expected: nothing is skipped.
pub(super) fn each<T: DeserializeOwned>(text: &[u8], take: impl FnMut(T)) -> serde_json::Result<ListMeta> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let meta = serde::Deserializer::deserialize_map(&mut reader, List(Items(take, PhantomData)))?;
    reader.end()?;
    Ok(meta)
}

struct List<F, T>(Items<F, T>);

struct Items<F, T>(F, PhantomData<T>);

impl<'de, T: DeserializeOwned, F: FnMut(T)> Visitor<'de> for List<F, T> {
    type Value = ListMeta;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a list of objects")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<ListMeta, A::Error> {
        let (mut meta, mut items) = (None, false);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "metadata" => meta = Some(map.next_value()?),
                "items" => {
                    map.next_value_seed(&mut self.0)?;
                    items = true;
                }
                _ => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        meta.filter(|_| items).ok_or_else(|| serde::de::Error::custom("no list: metadata or items is missing"))
    }
}

impl<'de, T: DeserializeOwned, F: FnMut(T)> DeserializeSeed<'de> for &mut Items<F, T> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de, T: DeserializeOwned, F: FnMut(T)> Visitor<'de> for &mut Items<F, T> {
    type Value = ();

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("the items of a list")
    }

    /// As the API server says that there is none, where it is asked for metadata alone.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element()? {
            (self.0)(item);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"{"kind": "CacheList", "items": [
        {"metadata": {"name": "a", "namespace": "n", "uid": "u", "resourceVersion": "7", "managedFields": [{"manager": "m"}]}, "spec": {}},
        {"metadata": {"name": "b", "uid": "v", "resourceVersion": "8"}}],
        "metadata": {"continue": "next", "remainingItemCount": 5}}"#;

    #[test]
    fn each_item_is_handed_over_in_order_and_the_page_after_is_known() {
        let mut seen = Vec::new();
        let meta = each(LIST.as_bytes(), |item: Named| seen.push(item.metadata.spoken())).unwrap();
        assert_eq!(seen, ["n/a", "b"]);
        assert_eq!((meta.continue_.as_deref(), meta.remaining_item_count), (Some("next"), Some(5)));
    }

    #[test]
    fn a_text_that_is_cut_or_no_list_is_never_taken_for_an_empty_page() {
        for text in ["", "{}", r#"{"items": []}"#, r#"{"items": null}"#, r#"{"metadata": {}}"#, &LIST[..LIST.len() - 1]]
        {
            assert!(each(text.as_bytes(), |_: Value| ()).is_err(), "{text}");
        }
        assert!(each(br#"{"metadata": {}, "items": [{"metadata": {"name": "a"}}]}"#, |_: Named| ()).is_err());
        assert!(each(br#"{"metadata": {}, "items": 3}"#, |_: Named| ()).is_err());
    }

    #[test]
    fn a_list_of_nothing_is_one_in_both_of_its_spellings() {
        for text in [r#"{"metadata": {}, "items": []}"#, r#"{"metadata": {}, "items": null}"#] {
            let meta = each(text.as_bytes(), |_: Named| panic!("there is none")).unwrap();
            assert_eq!(meta.continue_, None, "{text}");
        }
    }
}
