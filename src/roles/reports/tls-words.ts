// The result types of RFC 8460 §4.3 in plain words, with what to do.

const WORDS: Readonly<Record<string, string>> = {
  'starttls-not-supported': 'The server offered no encryption. Open STARTTLS there.',
  'certificate-host-mismatch': 'The certificate names another host. Get one for the name in the MX record.',
  'certificate-expired': 'The certificate is out of date. Renew it.',
  'certificate-not-trusted': 'The certificate comes from nobody the sender trusts. Get one from a known authority.',
  'validation-failure': 'Encryption was begun and failed. Look at the certificate and at what the server allows.',
  'tlsa-invalid':
    'The TLSA records cannot be used, or do not fit the certificate. Publish new ones before the certificate changes.',
  'dnssec-invalid': 'DNSSEC of the zone does not hold. Look at its signatures and keys.',
  'dane-required': 'The sender asks for DANE and found none that it can use.',
  'sts-policy-fetch-error': 'The MTA-STS policy could not be fetched. Look at its web server.',
  'sts-policy-invalid': 'The MTA-STS policy could not be read. Look at its text.',
  'sts-webpki-invalid': 'The web server of the MTA-STS policy has a certificate that does not hold.',
}

/** One sentence or two. */
export function explainTls(resultType: string): string {
  return WORDS[resultType] ?? 'A failure that RFC 8460 does not name.'
}
