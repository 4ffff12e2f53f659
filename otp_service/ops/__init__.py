"""Operations: health, readiness, the OpenAPI document, and the examination of an installation."""
