// S3 over HTTP, path style (https://host/bucket/key), which every S3 service knows. The keys come from the environment:
// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION. `fetch` opens the sockets. What may pass (nobody answers, "SlowDown",
// an error of the service's own) is asked again, at growing intervals that chance spreads: every request here is idempotent.
// An object is one PUT, which every service takes up to 5 GB: no message is near that.

import { createHash } from 'node:crypto'
import { type S3, S3Error } from '../s3.ts'
import { signature } from './s3-signature.ts'

const answerMs = 20_000
/** A slow line has the time that this many bytes a second take. */
const slowestBytesPerMs = 100
/** How long a request is tried again. */
const PATIENCE_MS = 15_000
const firstPauseMs = 100
const longestPauseMs = 3000
/** Answers that may be others a moment later: a time-out, "slow down", trouble of the service. */
const PASSING: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504])

export interface S3Keys {
  readonly accessKey: string
  readonly secretKey: string
  readonly region: string
}

function keysOfEnvironment(): S3Keys {
  const { AWS_ACCESS_KEY_ID = '', AWS_SECRET_ACCESS_KEY = '', AWS_REGION = 'us-east-1' } = process.env
  return { accessKey: AWS_ACCESS_KEY_ID, secretKey: AWS_SECRET_ACCESS_KEY, region: AWS_REGION }
}

/** It may be otherwise a moment later. */
class Passing extends S3Error {}

export class RealS3 implements S3 {
  readonly #base: URL
  readonly #keys: S3Keys
  readonly #patienceMs: number

  /** `base`: of the bucket, and what keys begin with. */
  constructor(base: string, keys: S3Keys = keysOfEnvironment(), patienceMs = PATIENCE_MS) {
    this.#base = new URL(base.endsWith('/') ? base : `${base}/`)
    this.#keys = keys
    this.#patienceMs = patienceMs
  }

  put(key: string, content: Uint8Array): Promise<void> {
    return this.#patiently(async () => {
      await mustBeDone(await this.#ask('PUT', key, content), key)
    })
  }

  get(key: string): Promise<Buffer | undefined> {
    return this.#patiently(async () => {
      const response = await this.#ask('GET', key)
      if (response.status === 404 && !(await isBucketMissing(response))) return undefined
      if (!response.ok) throw await refusal(response, key)
      try {
        return Buffer.from(await response.arrayBuffer())
      } catch (error) {
        throw new Passing(`S3: ${key} broke off: ${String(error)}`)
      }
    })
  }

  remove(key: string): Promise<void> {
    return this.#patiently(async () => {
      const response = await this.#ask('DELETE', key)
      if (response.status !== 404) await mustBeDone(response, key)
      else await response.arrayBuffer()
    })
  }

  /** Asks again while it may help. */
  async #patiently<T>(work: () => Promise<T>): Promise<T> {
    const deadlineMs = performance.now() + this.#patienceMs
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      try {
        return await work()
      } catch (error) {
        if (!(error instanceof Passing) || performance.now() + pauseMs > deadlineMs) throw error
        await new Promise((resolve) => setTimeout(resolve, pauseMs * (0.5 + Math.random() / 2)))
      }
    }
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
        signal: AbortSignal.timeout(answerMs + Math.round(content.length / slowestBytesPerMs)),
        redirect: 'error',
        ...(method === 'PUT' ? { body: content as Uint8Array<ArrayBuffer> } : {}),
      })
    } catch (error) {
      const { cause, message } = error as Error
      throw new Passing(`S3 at ${url.host}: ${cause instanceof Error ? cause.message : message}`)
    }
  }
}

async function mustBeDone(response: Response, key: string): Promise<void> {
  if (!response.ok) throw await refusal(response, key)
  await response.arrayBuffer().catch(() => {})
}

async function isBucketMissing(response: Response): Promise<boolean> {
  return (await response.clone().text()).includes('<Code>NoSuchBucket</Code>')
}

async function refusal(response: Response, key: string): Promise<S3Error> {
  const code = /<Code>(\w+)<\/Code>/.exec(await response.text().catch(() => ''))?.[1] ?? ''
  const message = `S3: ${key} was refused: ${response.status} ${code}`
  return PASSING.has(response.status) ? new Passing(message) : new S3Error(message)
}
