export { type BreakerOptions, breaker, CircuitOpenError } from './breaker.ts'
export { graphqlThrottled } from './graphql.ts'
