// What the signs of the notation mean, in the article's words.

import type { Arrow } from './model.ts'

export const ARROW_SAYS: Readonly<Record<Arrow, string>> = {
  direct:
    'a direct relationship between actors (e.g. a contract between the Author and his ISP), and mail flows along it',
  indirect: 'an indirect relationship: both have a direct relationship with the same third, e.g. the Recipient',
  flow: 'only the direction of mail flow',
}

export const BORDER_SAYS = 'the Border to the open Internet: there is no relationship between agents across it'

export const JOIN_SAYS = 'multiple roles being played by one actor'
