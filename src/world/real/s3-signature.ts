// The signature of a request to S3: AWS Signature Version 4, with the content's hash (docs.aws.amazon.com, "Signature
// Calculations for the Authorization Header: Transferring Payload in a Single Chunk").

import { createHash, createHmac } from 'node:crypto'
import type { S3Keys } from './s3.ts'

export interface SignedRequest {
  readonly method: string
  /** As it is sent: already percent-encoded. */
  readonly path: string
  /** Lower-case names; all are signed. */
  readonly headers: Readonly<Record<string, string>>
  /** Of the content, hex. */
  readonly sha256: string
  /** YYYYMMDDTHHMMSSZ. */
  readonly date: string
}

/** The value of the Authorization field. */
export function signature({ method, path, headers, sha256, date }: SignedRequest, keys: S3Keys): string {
  const names = Object.keys(headers).sort()
  const signed = names.join(';')
  const fields = names.map((name) => `${name}:${headers[name]!.trim()}\n`).join('')
  const canonical = [method, path, '', fields, signed, sha256].join('\n')
  const day = date.slice(0, 8)
  const scope = `${day}/${keys.region}/s3/aws4_request`
  const text = ['AWS4-HMAC-SHA256', date, scope, createHash('sha256').update(canonical).digest('hex')].join('\n')
  const mac = (key: string | Buffer, value: string) => createHmac('sha256', key).update(value).digest()
  const key = [day, keys.region, 's3', 'aws4_request'].reduce<string | Buffer>(mac, `AWS4${keys.secretKey}`)
  const credential = `${keys.accessKey}/${scope}`
  return `AWS4-HMAC-SHA256 Credential=${credential},SignedHeaders=${signed},Signature=${mac(key, text).toString('hex')}`
}
