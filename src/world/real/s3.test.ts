import assert from 'node:assert/strict'
import { test } from 'node:test'
import { signature } from './s3-signature.ts'

test('signs as the example of the specification does', () => {
  const sha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
  const headers = {
    host: 'examplebucket.s3.amazonaws.com',
    range: 'bytes=0-9',
    'x-amz-content-sha256': sha256,
    'x-amz-date': '20130524T000000Z',
  }
  const request = { method: 'GET', path: '/test.txt', headers, sha256, date: '20130524T000000Z' }
  const keys = {
    accessKey: 'AKIAIOSFODNN7EXAMPLE',
    secretKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    region: 'us-east-1',
  }
  assert.match(signature(request, keys), /Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41$/)
})
