// S3 over HTTP, path style (https://host/bucket/key), which every S3 service knows. The keys come from the environment:
// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION. `fetch` opens the sockets.

import { createHash } from 'node:crypto'
import { type S3, S3Error } from '../s3.ts'
import { signature } from './s3-signature.ts'

const answerMs = 20_000

export interface S3Keys {
  readonly accessKey: string
  readonly secretKey: string
  readonly region: string
}

function keysOfEnvironment(): S3Keys {
  const { AWS_ACCESS_KEY_ID = '', AWS_SECRET_ACCESS_KEY = '', AWS_REGION = 'us-east-1' } = process.env
  return { accessKey: AWS_ACCESS_KEY_ID, secretKey: AWS_SECRET_ACCESS_KEY, region: AWS_REGION }
}

export class RealS3 implements S3 {
  readonly #base: URL
  readonly #keys: S3Keys

  /** `base`: of the bucket, and what keys begin with. */
  constructor(base: string, keys: S3Keys = keysOfEnvironment()) {
    this.#base = new URL(base.endsWith('/') ? base : `${base}/`)
    this.#keys = keys
  }

  async put(key: string, content: Uint8Array): Promise<void> {
    const response = await this.#ask('PUT', key, content)
    if (!response.ok) throw await refusal(response, key)
    await response.arrayBuffer()
  }

  async get(key: string): Promise<Buffer | undefined> {
    const response = await this.#ask('GET', key)
    if (response.status === 404 && !(await isBucketMissing(response))) return undefined
    if (!response.ok) throw await refusal(response, key)
    try {
      return Buffer.from(await response.arrayBuffer())
    } catch (error) {
      throw new S3Error(`S3: ${key} broke off: ${String(error)}`)
    }
  }

  async remove(key: string): Promise<void> {
    const response = await this.#ask('DELETE', key)
    if (!response.ok && response.status !== 404) throw await refusal(response, key)
    await response.arrayBuffer()
  }

  async #ask(method: string, key: string, content: Uint8Array = new Uint8Array()): Promise<Response> {
    const url = new URL(key, this.#base)
    const sha256 = createHash('sha256').update(content).digest('hex')
    const date = new Date().toISOString().replace(/[-:]|\.\d+/g, '')
    const headers: Record<string, string> = { host: url.host, 'x-amz-content-sha256': sha256, 'x-amz-date': date }
    const authorization = signature({ method, path: url.pathname, headers, sha256, date }, this.#keys)
    try {
      return await fetch(url, {
        method,
        headers: { ...headers, authorization },
        signal: AbortSignal.timeout(answerMs),
        redirect: 'error',
        ...(method === 'PUT' ? { body: content as Uint8Array<ArrayBuffer> } : {}),
      })
    } catch (error) {
      const { cause, message } = error as Error
      throw new S3Error(`S3 at ${url.host}: ${cause instanceof Error ? cause.message : message}`)
    }
  }
}

async function isBucketMissing(response: Response): Promise<boolean> {
  return (await response.clone().text()).includes('<Code>NoSuchBucket</Code>')
}

async function refusal(response: Response, key: string): Promise<S3Error> {
  const code = /<Code>(\w+)<\/Code>/.exec(await response.text().catch(() => ''))?.[1] ?? ''
  return new S3Error(`S3: ${key} was refused: ${response.status} ${code}`)
}
