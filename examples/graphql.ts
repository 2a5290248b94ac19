// A GraphQL client over our pipeline. Run: API_URL=… API_KEY=… node examples/graphql.ts
import { GraphQLClient, gql } from 'graphql-request'
import { apiKey, createClient } from 'latchkey'

const { API_URL = '', API_KEY = '' } = process.env

const { fetch } = createClient({
  baseUrl: API_URL,
  auth: apiKey({ name: 'X-API-Key', value: API_KEY }),
  // A query changes nothing, so it may be sent again after a failure, though it is a POST.
  retry: { methods: ['post'] },
})
const graphql = new GraphQLClient(new URL('graphql', API_URL).href, { fetch })

const query = gql`
  query User($id: ID!) {
    user(id: $id) {
      name
    }
  }
`
const { user } = await graphql.request<{ user: { name: string } }>(query, { id: '42' })
console.log(user)
