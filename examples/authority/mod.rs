//! An authority that signs certificates, for a run that has none.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CertifiedKey, DnType, IsCa, KeyPair,
    KeyUsagePurpose,
};

/// Its key lives as long as this value, and is written nowhere.
pub(crate) struct Authority {
    pub(crate) issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Result<Self, rcgen::Error> {
        let mut params = CertificateParams::new(Vec::new())?;
        // Otherwise it is called as the certificates that it signs, and OpenSSL takes them for their own issuers.
        params
            .distinguished_name
            .push(DnType::CommonName, "mcp-wire example authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        Ok(Self { issuer })
    }

    /// A new certificate for these names and addresses, as good for a server as for a client.
    pub(crate) fn sign(&self, names: Vec<String>) -> Result<CertifiedKey<KeyPair>, rcgen::Error> {
        let signing_key = KeyPair::generate()?;
        let mut params = CertificateParams::new(names)?;
        params.use_authority_key_identifier_extension = true;
        let cert = params.signed_by(&signing_key, &self.issuer)?;
        Ok(CertifiedKey { cert, signing_key })
    }
}
