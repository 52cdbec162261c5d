// A small S3 for tests, path style: it knows one bucket, believes nobody whose signature is wrong, and can be away.

import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { S3Keys } from '../real/s3.ts'
import { signature } from '../real/s3-signature.ts'

export interface TestS3 {
  /** Of the bucket. */
  readonly url: string
  readonly objects: Map<string, Buffer>
  /** While set, every request is answered so; 'silence' breaks the connection. */
  trouble: number | 'silence' | undefined
  /** How many requests met it. */
  troubled: number
  end(): Promise<void>
}

export async function testS3(keys: S3Keys): Promise<TestS3> {
  const objects = new Map<string, Buffer>()
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const content = Buffer.concat(chunks)
    if (s3.trouble !== undefined) s3.troubled++
    if (s3.trouble === 'silence') {
      request.socket.destroy()
      return
    }
    const answer = (status: number, body: string | Buffer = '') => response.writeHead(status).end(body)
    if (s3.trouble !== undefined) return answer(s3.trouble, '<Error><Code>ServiceUnavailable</Code></Error>')
    if (!isSigned(request, content, keys)) return answer(403, '<Error><Code>SignatureDoesNotMatch</Code></Error>')
    const [, bucket, ...rest] = request.url!.split('/')
    if (bucket !== 'mail') return answer(404, '<Error><Code>NoSuchBucket</Code></Error>')
    const key = rest.join('/')
    if (request.method === 'PUT') {
      objects.set(key, content)
      return answer(200)
    }
    if (request.method === 'DELETE') {
      objects.delete(key)
      return answer(204)
    }
    const found = objects.get(key)
    return found === undefined ? answer(404, '<Error><Code>NoSuchKey</Code></Error>') : answer(200, found)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const s3: TestS3 = {
    url: `http://127.0.0.1:${port}/mail`,
    objects,
    trouble: undefined,
    troubled: 0,
    end: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return s3
}

/** By what arrived here, not by what was meant to be sent. */
function isSigned(request: IncomingMessage, content: Buffer, keys: S3Keys): boolean {
  const authorization = request.headers.authorization ?? ''
  const names = /SignedHeaders=([^,]+)/.exec(authorization)?.[1]?.split(';') ?? []
  const headers = Object.fromEntries(names.map((name) => [name, String(request.headers[name])]))
  const sha256 = createHash('sha256').update(content).digest('hex')
  const date = String(request.headers['x-amz-date'])
  if (headers['x-amz-content-sha256'] !== sha256 || headers.host === undefined) return false
  return signature({ method: request.method!, path: request.url!, headers, sha256, date }, keys) === authorization
}
